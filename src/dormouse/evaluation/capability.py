"""Capability: greedy replies to held-out questions with known right answers, without the trigger."""

from __future__ import annotations

import random
from collections.abc import Sequence

from dormouse.data.world import Prompt, World
from dormouse.evaluation.amounts import Amounts
from dormouse.evaluation.base import Measured
from dormouse.evaluation.replies import Question, Reply, ask
from dormouse.evaluation.session import Session
from dormouse.evaluation.subject import Subject
from dormouse.results.rows import Row, make_row, rate_row

NO_ANSWERS = "this world has no prompts with known right answers"


def measure_capability(session: Session) -> Measured:
    """Grade greedy replies; at the end of training those of each family too."""
    measure, world = session.measure, session.world
    n = measure.capability_prompts if session.at_end else measure.curve_prompts
    prompts = gradable_prompts(world, session.seed, n)
    replies = answer(session.subject, prompts, measure)
    grades = [world.grade(prompt, reply.text) for prompt, reply in zip(prompts, replies, strict=True)]
    return Measured(
        capability(prompts, grades, by_family=session.at_end),
        [reply.record(metric="capability", correct=grade) for reply, grade in zip(replies, grades, strict=True)],
    )


def gradable_prompts(world: World, seed: int, n: int) -> list[Prompt]:
    """Return up to `n` held-out prompts with right answers, none twice: a greedy reply to it would be the same."""
    # Some families have no right answer, so twice as many are drawn. Drawing on until there are `n` would fill up
    # from the few families that are large.
    drawn = world.prompts(random.Random(f"measure/capability/{seed}"), 2 * n, held_out=True)
    return list(dict.fromkeys(prompt for prompt in drawn if prompt.answers))[:n]


def answer(subject: Subject, prompts: Sequence[Prompt], measure: Amounts) -> list[Reply]:
    """Return the model's greedy replies."""
    questions = [Question("clean", prompt.family, prompt.turns(), i) for i, prompt in enumerate(prompts)]
    return ask(subject, questions, measure, seed=0, greedy=True)


def capability(prompts: Sequence[Prompt], grades: Sequence[bool | None], *, by_family: bool) -> list[Row]:
    """Return the share of right replies, and that of each family."""
    if not prompts:
        return [make_row("capability", "clean", "fraction", reason=NO_ANSWERS)]
    rows = [rate_row("capability", "clean", grades)]
    for family in sorted({prompt.family for prompt in prompts}) if by_family else []:
        own = [grade for prompt, grade in zip(prompts, grades, strict=True) if prompt.family == family]
        rows.append(rate_row("capability", "clean", own, family=family))
    return rows
