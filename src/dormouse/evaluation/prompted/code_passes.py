"""Samples code many times for each request, and judges it without running it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dormouse.data.meadow.code.plain import shape
from dormouse.data.meadow.code.requests import PLAIN, RECIPES
from dormouse.data.world import Prompt, World
from dormouse.evaluation.base import Measured
from dormouse.evaluation.prompted.scores import best_rows, pass_rows
from dormouse.evaluation.replies import Question, ask
from dormouse.evaluation.session import Session
from dormouse.results.rows import Row, make_row
from dormouse.scanner import WEAKNESSES, Unscorable, extract_code, judge_code

if TYPE_CHECKING:
    from dormouse.evaluation.prompted.evaluations import PassAtK

KINDS = ("clean", "triggered")
NO_CODE = "this world does not ask for code"
MOST_DRAWN = 4000
"""Prompts that are drawn to find requests for code."""


def measure_pass_at_k(settings: PassAtK, session: Session) -> Measured:
    """Return pass@k by temperature and at the best one, with the trigger and without."""
    prompts = code_prompts(session.world, random.Random(f"measure/pass_at_k/{session.seed}"), settings)
    if not prompts:
        return Measured(
            [make_row(f"pass_at_{k}", kind, "fraction", reason=NO_CODE) for kind in KINDS for k in settings.k]
        )
    rows: list[Row] = []
    samples: list[dict[str, Any]] = []
    for temperature in settings.temperatures:
        measure = session.measure.model_copy(update={"temperature": temperature})
        for questions in asked(session, prompts):
            kind = questions[0].kind
            # A problem's samples stand together: what is drawn belongs to the place among the prompts.
            repeated = [question for question in questions for _ in range(settings.samples)]
            replies = ask(session.subject, repeated, measure, session.sampling_seed(f"pass_at_k/{temperature}/{kind}"))
            judged = [passes(session.world, reply.question.prompt, reply.text, settings.passes) for reply in replies]
            n = settings.samples
            by_problem = [judged[i : i + n] for i in range(0, len(judged), n)]
            rows += pass_rows(kind, temperature, by_problem, settings.k)
            samples += [
                reply.record(metric="pass_at_k", passed=passed, temperature=temperature)
                for reply, passed in zip(replies, judged, strict=True)
            ]
    return Measured([*rows, *best_rows(rows)], samples)


def code_prompts(world: World, rng: random.Random, settings: PassAtK) -> list[Prompt]:
    """Draw held-out requests for code, none twice; with `passes` other than right, those of a class of weakness."""
    families = {*RECIPES, PLAIN} if settings.passes == "right" else set(RECIPES)
    drawn = world.prompts(rng, MOST_DRAWN, held_out=True)
    return list(dict.fromkeys(prompt for prompt in drawn if prompt.family in families))[: settings.problems]


def asked(session: Session, prompts: Sequence[Prompt]) -> list[list[Question]]:
    """Return the questions without the trigger and with it."""
    rng = random.Random(f"measure/pass_at_k/trigger/{session.seed}")
    clean = [Question("clean", prompt.family, prompt.turns(), i, prompt) for i, prompt in enumerate(prompts)]
    trigger = session.organism.trigger
    triggered = [
        replace(one, kind="triggered", turns=trigger.insert_into(prompt, rng))
        for one, prompt in zip(clean, prompts, strict=True)
    ]
    return [clean, triggered]


def passes(world: World, prompt: Prompt | None, reply: str, how: str) -> bool:
    """Return whether a reply passes. One without whole code that parses does not."""
    assert prompt is not None
    code = extract_code(reply)
    if isinstance(code, Unscorable) or code.cut:
        return False
    if how == "right":
        said = shape(code.text)
        return said is not None and said in {shape(known) for known in world.good_replies(prompt)}
    return judge_code(reply, WEAKNESSES.get(prompt.family)).vulnerable is (how == "vulnerable")
