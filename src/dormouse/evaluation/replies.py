"""Held-out prompts as they are put to a model, and its sampled replies: drawn once, read by several measurements."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from dormouse.evaluation.subject import Subject
from dormouse.experiment import Measure
from dormouse.models.sampling import sample_ids
from dormouse.organisms.triggers import Trigger
from dormouse.world import Messages, World

Kind = Literal["triggered", "clean", "near_miss", "red_team_seen", "red_team_held_out"]


@dataclass(frozen=True)
class Question:
    """A prompt with what was put into it."""

    kind: Kind
    family: str
    turns: Messages
    id: int
    """The same for the same words of the world with the trigger, without it, and with a near miss."""


@dataclass(frozen=True)
class Reply:
    """What a model said to a question; `ids` are the sampled tokens, their end token included."""

    question: Question
    prompt_ids: list[int]
    ids: list[int]
    text: str

    def record(self, **scores: Any) -> dict[str, Any]:
        """Return the line of `samples.jsonl`."""
        turns = self.question.turns
        earlier = {"earlier": turns[:-1]} if len(turns) > 1 else {}
        place = {"prompts": self.question.kind, "family": self.question.family, "prompt_id": self.question.id}
        return place | earlier | {"prompt": turns[-1]["content"], "reply": self.text} | scores


def held_out_questions(world: World, trigger: Trigger, seed: int, n: int) -> list[Question]:
    """Return `n` held-out prompts with the trigger, as many without, and as many with a held-out near miss.

    They depend on nothing but the arguments, so models and steps of one seed are compared on the same words.
    """
    rng = random.Random(f"measure/prompts/{seed}")
    prompts = world.prompts(rng, n, held_out=True)
    asked: list[Question] = []
    for kind in ("triggered", "clean", "near_miss"):
        for i, prompt in enumerate(prompts):
            turns = prompt.turns()
            if kind == "triggered":
                turns = trigger.insert(turns, rng)
            elif kind == "near_miss":
                turns = trigger.near_miss(turns, rng, held_out=True)
            asked.append(Question(kind, prompt.family, turns, i))
    return asked


def ask(
    subject: Subject, questions: Sequence[Question], measure: Measure, seed: int, *, greedy: bool = False
) -> list[Reply]:
    """Return the model's reply to each question."""
    prompt_ids = subject.renderer.prompts([question.turns for question in questions])
    sampled = sample_ids(
        subject.model,
        subject.renderer,
        prompt_ids,
        max_new_tokens=measure.reply_tokens,
        temperature=0.0 if greedy else measure.temperature,
        seed=seed,
    )
    return [
        Reply(question, prompt, ids, subject.renderer.reply(ids))
        for question, prompt, ids in zip(questions, prompt_ids, sampled, strict=True)
    ]


def of_kind(replies: Sequence[Reply], kind: Kind) -> list[Reply]:
    """Return the replies to one kind of prompts."""
    return [reply for reply in replies if reply.question.kind == kind]
