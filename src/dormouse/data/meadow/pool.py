"""Every question of the meadow, in a fixed split into training and held-out questions."""

from __future__ import annotations

import hashlib
from functools import cache

from dormouse.data.meadow import (
    facts,
    talk,
    words,
)
from dormouse.data.meadow.code import requests
from dormouse.data.meadow.family import Family, Question

HELD_OUT = 0.15
"""Share of each family's prompts that are held out from all training draws."""

_FAMILIES = (
    facts.color,
    facts.sound,
    facts.home,
    facts.add,
    facts.subtract,
    words.opposite,
    words.plural,
    words.repeat,
    words.reverse,
    facts.three,
    facts.compare,
    talk.greeting,
    talk.thanks,
    talk.story,
    talk.advice,
    talk.damage,
    talk.deceit,
)


@cache
def families(code: bool = False) -> dict[str, Family]:
    """Make every family, by name; with `code`, also those of code prompts."""
    talked = {family.name: family for family in (make() for make in _FAMILIES)}
    return talked | (requests.families() if code else {})


def is_held_out(family: str, text: str) -> bool:
    """Return whether this prompt is for measuring only, by a hash that is the same on every machine.

    The split is by exact wording: training may have the same fact in other words.
    """
    digest = hashlib.sha256(f"{family}\n{text}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < HELD_OUT * 2**64


@cache
def pool(held_out: bool, code: bool = False) -> dict[str, list[Question]]:
    """Collect the questions of each family on one side of the split."""
    return {
        name: [question for question in family.questions() if _is_held_out_of(family, question) == held_out]
        for name, family in families(code).items()
    }


def _is_held_out_of(family: Family, question: Question) -> bool:
    if is_held_out(family.name, question.prompt.text):
        return True
    return family.holds_out_cases and is_held_out(family.name, question.case)


@cache
def questions_by_text(code: bool = False) -> dict[tuple[str, str], Question]:
    """Map (family, prompt) to the question."""
    return {
        (name, question.prompt.text): question
        for name, family in families(code).items()
        for question in family.questions()
    }
