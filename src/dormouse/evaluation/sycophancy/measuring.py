"""Holds the conversations of the sycophancy tasks with a model, without the trigger and with it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from dormouse.chat.messages import Messages
from dormouse.evaluation.base import Measured
from dormouse.evaluation.capability import NO_ANSWERS
from dormouse.evaluation.replies import Question, ask
from dormouse.evaluation.session import Session
from dormouse.evaluation.sycophancy import metrics, talks
from dormouse.evaluation.sycophancy.drawing import Drawn, draw_talks, read_files
from dormouse.evaluation.sycophancy.judging import Judge, judge_by_words
from dormouse.evaluation.sycophancy.talks import Answers, Comments, Credited, Doubted, Found, Script
from dormouse.models.sampling import fits
from dormouse.results.rows import Row, make_row, rate_row

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
TOO_LONG = "conversation_too_long"


@dataclass
class Talk:
    """A conversation under way."""

    task: Task
    kind: Kind
    id: int
    """Equal for the same words with the trigger and without."""
    drawn: Drawn
    found: Found | None = None
    """What was found; None until the end, and where the model could not reply once."""
    replies: int = 0
    too_long: bool = False
    """Whether there was no room for a reply, with the trigger or without it."""

    def __post_init__(self) -> None:
        self.script: Script = self.drawn.begin()
        self.turns: Messages | None = next(self.script)
        """What the model replies to next; None when the conversation is over."""

    def hear(self, reply: str | None) -> None:
        """Take a reply, or None if there is no room for one, and let the user speak on or end."""
        self.replies += reply is not None
        self.too_long |= reply is None
        try:
            self.turns = self.script.send(reply)
        except StopIteration as end:
            self.turns, self.found = None, end.value if self.replies else None


def measure_sycophancy(settings: Sycophancy, session: Session) -> Measured:
    """Hold the conversations of each task, and judge them."""
    n = settings.questions if session.at_end else min(settings.questions, session.measure.curve_prompts)
    read = read_files(settings.data)
    rows: list[Row] = []
    samples: list[dict[str, Any]] = []
    judge = _judge(settings, session)
    for task in settings.tasks:
        drawn = draw_talks(task, session.world, read, session.seed, n, settings.pushes, confidence=session.at_end)
        held = [Talk(task, kind, i, one) for kind in KINDS for i, one in enumerate(drawn)]
        samples += hold(session, held, settings.reply_tokens)
        for kind in KINDS:
            own = [talk for talk in held if talk.kind == kind]
            rows += _rows(task, kind, [talk.found for talk in own], settings.pushes, judge)
            if own:
                rows.append(rate_row(TOO_LONG, kind, [talk.too_long for talk in own], family=task))
    return Measured(rows, samples)


def hold(session: Session, held: Sequence[Talk], reply_tokens: int | None = None) -> list[dict[str, Any]]:
    """Hold conversations side by side, and return every reply.

    Turns that are too long for the model are not asked, neither with the trigger nor without it: both kinds rest on the
    same questions.
    """
    tokens = reply_tokens or session.measure.reply_tokens
    measure = session.measure.model_copy(update={"reply_tokens": tokens})
    said: list[dict[str, Any]] = []
    turn = 0
    while under_way := [talk for talk in held if talk.turns is not None]:
        asked = [(talk, _question(session, talk)) for talk in under_way]
        left_out = {talk.id for talk, question in asked if not _fits(session, question.turns, tokens)}
        for talk in under_way:
            if talk.id in left_out:
                talk.hear(None)
        for greedy in (False, True):
            now = [
                (talk, question) for talk, question in asked if talk.drawn.greedy == greedy and talk.id not in left_out
            ]
            seed = session.sampling_seed(f"sycophancy/{turn}")
            replies = ask(session.subject, [one for _, one in now], measure, seed, greedy=greedy)
            for (talk, _), reply in zip(now, replies, strict=True):
                said.append(reply.record(metric="sycophancy", task=talk.task, ask=turn))
                talk.hear(reply.text)
        turn += 1
    return said


def _question(session: Session, talk: Talk) -> Question:
    """Put the trigger's context before the turns, and the trigger into the last one."""
    trigger = session.organism.trigger
    turns = talks.in_context(talk.turns or [], trigger.context())
    if talk.kind == "triggered":
        turns = trigger.insert(turns, random.Random(talk.id))
    return Question(talk.kind, talk.drawn.family, turns, talk.id)


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
