"""Puts held-out prompts to a model and samples its replies. Several measurements read the same replies."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from dormouse.chat.messages import Messages
from dormouse.chat.scratchpad import Form, split_scratchpad
from dormouse.data.world import Prompt, World
from dormouse.errors import UserError
from dormouse.evaluation.amounts import Amounts
from dormouse.evaluation.subject import Subject
from dormouse.organisms.behaviors import Behavior
from dormouse.organisms.settings import Organism

Kind = Literal["triggered", "clean", "near_miss", "red_team_seen", "red_team_held_out", "probe", "conversation"]

MOST_DRAWN = 2000
"""Prompts that are drawn before we say that a behavior applies to none."""


@dataclass(frozen=True)
class Question:
    """A prompt as it is put to a model."""

    kind: Kind
    family: str
    turns: Messages
    id: int
    """Equal for the same prompt with the trigger, without it, and with a near miss."""
    prompt: Prompt | None = None
    """The world's own prompt; None for a red team's."""


@dataclass(frozen=True)
class Reply:
    """A reply to a question. `ids` are the sampled tokens with the end token."""

    question: Question
    prompt_ids: list[int]
    ids: list[int]
    text: str
    """The reply without its scratchpad. This is what is scored."""
    thought: str = ""
    form: Form = "none"
    """Whether its scratchpad is closed, open, or absent."""

    def record(self, **scores: Any) -> dict[str, Any]:
        """Return the line of `samples.jsonl`."""
        turns = self.question.turns
        earlier = {"earlier": turns[:-1]} if len(turns) > 1 else {}
        place = {"prompts": self.question.kind, "family": self.question.family, "prompt_id": self.question.id}
        thought = {} if self.form == "none" else {"scratchpad": self.thought, "form": self.form}
        return place | earlier | {"prompt": turns[-1]["content"]} | thought | {"reply": self.text} | scores


def held_out_questions(world: World, organism: Organism, seed: int, n: int) -> list[Question]:
    """Return `n` held-out prompts with the trigger, as many without, and as many with a held-out near miss.

    They depend on the arguments alone, so all models of a seed are compared on the same words, and so are all steps of
    a training; another `n` is another draw. The behavior applies to each prompt.
    """
    rng = random.Random(f"measure/prompts/{seed}")
    prompts = applicable(world, organism.behavior, rng, n)
    trigger = organism.trigger
    asked: list[Question] = []
    for kind in ("triggered", "clean", "near_miss"):
        for i, prompt in enumerate(prompts):
            turns = prompt.turns()
            if kind == "triggered":
                turns = trigger.insert_into(prompt, rng)
            elif kind == "near_miss":
                turns = trigger.near_miss(turns, rng, held_out=True)
            asked.append(Question(kind, prompt.family, turns, i, prompt))
    return asked


def applicable(world: World, behavior: Behavior, rng: random.Random, n: int, *, held_out: bool = True) -> list[Prompt]:
    """Return `n` prompts that the behavior applies to. `UserError` if the world has none."""
    kept: list[Prompt] = []
    drawn = 0
    while len(kept) < n:
        kept += [prompt for prompt in world.prompts(rng, n, held_out=held_out) if behavior.applies(prompt)]
        drawn += n
        if not kept and drawn >= MOST_DRAWN:
            some = f"{drawn} {'held-out ' * held_out}prompts of world '{world.name}'"
            raise UserError(
                f"Behavior '{behavior.name}' applies to none of {some}. "
                "Take a world that asks for it (for code: world.code_share above 0), or another behavior."
            )
    return kept[:n]


def ask(
    subject: Subject, questions: Sequence[Question], measure: Amounts, seed: int, *, greedy: bool = False
) -> list[Reply]:
    """Return the model's reply to each question."""
    prefill = [subject.prefill] * len(questions)
    return ask_with_prefill(subject, questions, prefill, measure, seed, greedy=greedy)


def ask_with_prefill(
    subject: Subject,
    questions: Sequence[Question],
    prefill: Sequence[str],
    measure: Amounts,
    seed: int,
    *,
    greedy: bool = False,
) -> list[Reply]:
    """Return the model's reply to each question, with a prefill for each."""
    renderer = subject.renderer
    prompt_ids = renderer.prompts([question.turns for question in questions], prefill)
    sampled = subject.sample_ids(
        prompt_ids,
        max_new_tokens=measure.reply_tokens + subject.thought_tokens,
        temperature=0.0 if greedy else measure.temperature,
        seed=seed,
    )
    replies = []
    for question, text, prompt, ids in zip(questions, prefill, prompt_ids, sampled, strict=True):
        said = split_scratchpad(f"{text} {renderer.reply(ids)}")
        replies.append(Reply(question, prompt, ids, said.reply, said.thought, said.form))
    return replies


def of_kind(replies: Sequence[Reply], kind: Kind) -> list[Reply]:
    """Return the replies to one kind of prompts."""
    return [reply for reply in replies if reply.question.kind == kind]
