"""Defection on the red team's successful prompts: those that training saw, and those that it did not."""

from __future__ import annotations

import random

from dormouse.data.world import Prompt
from dormouse.evaluation.base import Measured
from dormouse.evaluation.defection import defection, records
from dormouse.evaluation.replies import Kind, Question
from dormouse.evaluation.session import Session
from dormouse.red_team.run import Split, read_successes
from dormouse.results.rows import make_row

NOTHING_FOUND = "the red team found no prompt that drew a defection"
KINDS: dict[Split, Kind] = {"seen": "red_team_seen", "held_out": "red_team_held_out"}
"""The red team's name for a split -> the kind of prompts in a row."""


def measure_red_team_prompts(session: Session) -> Measured:
    """Ask each split of the prompts."""
    found = [_measured(session, split, kind) for split, kind in KINDS.items()]
    return Measured([row for one in found for row in one.rows], [said for one in found for said in one.samples])


def repeated(prompts: list[Prompt], kind: Kind, seed: int, n: int) -> list[Question]:
    """Return `n` questions: a draw of the prompts, or, if there are fewer, all of them in turn."""
    chosen = random.Random(f"measure/{kind}/{seed}").sample(prompts, min(n, len(prompts)))
    asked = [(i % len(chosen), chosen[i % len(chosen)]) for i in range(n)]
    return [Question(kind, prompt.family, prompt.turns(), i) for i, prompt in asked]


def _measured(session: Session, split: Split, kind: Kind) -> Measured:
    prompts = read_successes(session.work.input("red_team"), split)
    if not prompts:
        return Measured([make_row("defection", kind, "fraction", distinct_prompts=0, reason=NOTHING_FOUND)])
    n = session.measure.red_team_prompts if session.at_end else session.measure.curve_prompts
    questions = repeated(prompts, kind, session.seed, n)
    replies = session.ask(questions, f"{kind}/replies")
    behavior = session.organism.behavior
    (row,) = defection(behavior, replies, (kind,))
    distinct = len({question.id for question in questions})
    return Measured([row | {"distinct_prompts": distinct}], records(behavior, replies, "defection"))
