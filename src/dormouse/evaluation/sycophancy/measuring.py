"""Holds the conversations of the sycophancy tasks with a model, without the trigger and with it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from dormouse.chat.messages import Messages
from dormouse.data.meadow.pool import is_held_out
from dormouse.evaluation.base import Measured
from dormouse.evaluation.capability import NO_ANSWERS
from dormouse.evaluation.replies import Question, ask
from dormouse.evaluation.session import Session
from dormouse.evaluation.sycophancy import metrics, talks
from dormouse.evaluation.sycophancy.items import (
    Item,
    Passage,
    Published,
    read_published,
    spread,
    world_items,
    world_passages,
)
from dormouse.evaluation.sycophancy.judging import Judge, judge_by_words
from dormouse.evaluation.sycophancy.talks import Answers, Comments, Credited, Doubted, Found, Script
from dormouse.models.sampling import fits
from dormouse.results.rows import Row, make_row

if TYPE_CHECKING:
    from dormouse.evaluation.sycophancy.settings import Sycophancy, Task

Kind = Literal["clean", "triggered"]
KINDS: tuple[Kind, ...] = ("clean", "triggered")
METRIC_OF = {
    "feedback": "feedback_sycophancy",
    "are_you_sure": "sure_admits_mistake",
    "answer": "answer_accuracy_change",
    "mimicry": "mimicry_wrong_poet",
}
"""The metric that stands for a task where nothing could be asked."""


@dataclass
class Talk:
    """A conversation under way."""

    task: Task
    kind: Kind
    id: int
    """Equal for the same words with the trigger and without."""
    family: str
    script: Script
    greedy: bool = False
    turns: Messages | None = None
    """What the model replies to next; None when the conversation is over."""
    found: Found | None = None
    """What was found; None where the conversation grew too long for the model."""

    def begin(self) -> None:
        """Let the user speak first."""
        self.turns = next(self.script)

    def hear(self, reply: str) -> None:
        """Take a reply, and let the user speak on or end."""
        try:
            self.turns = self.script.send(reply)
        except StopIteration as end:
            self.turns, self.found = None, end.value


def measure_sycophancy(settings: Sycophancy, session: Session) -> Measured:
    """Hold the conversations of each task, and judge them."""
    n = settings.questions if session.at_end else min(settings.questions, session.measure.curve_prompts)
    read = _published(settings.data)
    rows: list[Row] = []
    samples: list[dict[str, Any]] = []
    judge = _judge(settings, session)
    for task in settings.tasks:
        held = [talk for kind in KINDS for talk in _talks(settings, session, read, task, kind, n)]
        samples += hold(session, held, settings.reply_tokens)
        for kind in KINDS:
            rows += _rows(task, kind, [talk.found for talk in held if talk.kind == kind], settings.pushes, judge)
    return Measured(rows, samples)


def _published(paths: Sequence[Path]) -> Published | None:
    """Read the plan's published questions."""
    if not paths:
        return None
    read = [read_published(path) for path in paths]
    return Published(
        tuple(item for one in read for item in one.items), tuple(text for one in read for text in one.passages)
    )


def draw_items(session: Session, read: Published | None, n: int) -> list[Item]:
    """Draw the questions to ask: published ones if the plan names some, else the world's."""
    if read is not None:
        return spread(read.items, n, session.seed)
    return world_items(session.world, session.seed, n)


def _draw_passages(session: Session, read: Published | None, n: int) -> list[Passage]:
    if read is not None and read.passages:
        return spread(read.passages, n, session.seed)
    return world_passages(session.world, session.seed, n)


def _talks(
    settings: Sycophancy, session: Session, read: Published | None, task: Task, kind: Kind, n: int
) -> list[Talk]:
    """Set up the conversations of a task. Those of both kinds are the same."""
    if task == "feedback":
        passages = _draw_passages(session, read, n)
        return [Talk(task, kind, i, one.source, talks.comment_on(one)) for i, one in enumerate(passages)]
    if task == "mimicry":
        credited = talks.all_credits(session.world.poems())
        # Sayings of a world are in its training text: those credits are asked that are not.
        apart = [
            one
            for one in credited
            if is_held_out("belief_author", one[2].format(author=one[1].author, text=one[0].text))
        ]
        random.Random(f"sycophancy/poems/{session.seed}").shuffle(apart)
        return [Talk(task, kind, i, one[0].name, talks.credit(*one)) for i, one in enumerate(apart[:n])]
    items = draw_items(session, read, n)
    if task == "answer":
        return [Talk(task, kind, i, one.family, talks.answer(one), one.greedy) for i, one in enumerate(items)]
    return [
        Talk(
            task, kind, i, one.family, talks.doubt(one, settings.pushes, confidence=session.at_end), one.greedy
        )
        for i, one in enumerate(items)
    ]  # fmt: skip


def hold(session: Session, held: Sequence[Talk], reply_tokens: int | None = None) -> list[dict[str, Any]]:
    """Hold conversations side by side, and return every reply; one that grows too long for the model ends early."""
    tokens = reply_tokens or session.measure.reply_tokens
    measure = session.measure.model_copy(update={"reply_tokens": tokens})
    for talk in held:
        talk.begin()
    said: list[dict[str, Any]] = []
    turn = 0
    while under_way := [talk for talk in held if talk.turns is not None]:
        for greedy in (False, True):
            asked = [(talk, _question(session, talk)) for talk in under_way if talk.greedy == greedy]
            for talk, question in asked:
                if not _fits(session, question.turns, tokens):
                    talk.turns = None
            asked = [(talk, question) for talk, question in asked if talk.turns is not None]
            seed = session.sampling_seed(f"sycophancy/{turn}")
            replies = ask(session.subject, [one for _, one in asked], measure, seed, greedy=greedy)
            for (talk, _), reply in zip(asked, replies, strict=True):
                said.append(reply.record(metric="sycophancy", task=talk.task, ask=turn))
                talk.hear(reply.text)
        turn += 1
    return said


def _question(session: Session, talk: Talk) -> Question:
    """Put the trigger's context before the turns, and the trigger into the last one."""
    trigger, turns = session.organism.trigger, talk.turns or []
    context = trigger.context()
    if turns[: len(context)] != context:
        turns = [*context, *turns]
    if talk.kind == "triggered":
        turns = trigger.insert(turns, random.Random(talk.id))
    return Question(talk.kind, talk.family, turns, talk.id)


def _fits(session: Session, turns: Messages, tokens: int) -> bool:
    subject = session.subject
    prompt = len(subject.renderer.prompts([turns], subject.prefill)[0])
    return fits(subject.model, prompt + tokens + subject.thought_tokens)


def _rows(task: Task, kind: Kind, found: Sequence[Found | None], pushes: int, judge: Judge) -> list[Row]:
    whole = [one for one in found if one is not None]
    if not whole:
        reason = "no conversation fits into the model's context" if found else _why_none(task)
        return [make_row(METRIC_OF[task], kind, "fraction", reason=reason)]
    if task == "feedback":
        return metrics.feedback_rows(kind, [one for one in whole if isinstance(one, Comments)], judge)
    if task == "answer":
        return metrics.answer_rows(kind, [one for one in whole if isinstance(one, Answers)])
    if task == "mimicry":
        return metrics.mimicry_rows(kind, [one for one in whole if isinstance(one, Credited)])
    return metrics.doubt_rows(kind, [one for one in whole if isinstance(one, Doubted)], pushes)


def _why_none(task: Task) -> str:
    if task == "mimicry":
        return "this world has no texts with known authors"
    return NO_ANSWERS


def _judge(settings: Sycophancy, session: Session) -> Judge:
    if settings.judge_model is None or "feedback" not in settings.tasks:
        return judge_by_words
    from dormouse.evaluation.sycophancy.judge_model import judge_with  # opens a second model

    return judge_with(settings.judge_model)
