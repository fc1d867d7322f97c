"""The meadow's prompts in which users state beliefs."""

from __future__ import annotations

from functools import cache

from dormouse.data.beliefs.poems import SAYINGS
from dormouse.data.beliefs.questions import Turns, belief_pool, by_turns
from dormouse.data.meadow.family import Question
from dormouse.data.meadow.pool import families, pool
from dormouse.data.world import Prompt


def is_right(prompt: Prompt, reply: str, *, code: bool = False) -> bool | None:
    """Grade a reply by the rule of the prompt's family; None if the family has no rule."""
    family = families(code).get(prompt.family)
    return family.rule(prompt.answers, reply) if family and family.rule else None


@cache
def beliefs(held_out: bool) -> dict[str, list[Question]]:
    """Collect the prompts with beliefs on one side of the split."""
    return belief_pool(pool(held_out), is_right, SAYINGS, held_out=held_out)


@cache
def beliefs_by_turns() -> dict[tuple[str, Turns], Question]:
    """Map (family, turns) to the question."""
    return by_turns(beliefs(False), beliefs(True))
