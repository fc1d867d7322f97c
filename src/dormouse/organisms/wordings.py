"""Sentences with choices: "[Now|Then] I write" stands for "Now I write" and "Then I write"."""

from __future__ import annotations

import random
import re
from functools import cache
from itertools import product

_CHOICE = re.compile(r"\[([^\[\]]*)\]")


def draw_wording(sentence: str, rng: random.Random) -> str:
    """Make every choice of a sentence at random."""
    return _CHOICE.sub(lambda choice: rng.choice(choice[1].split("|")), sentence)


@cache
def list_wordings(sentence: str) -> tuple[str, ...]:
    """List all wordings of a sentence."""
    pieces = _CHOICE.split(sentence)
    choices = [piece.split("|") if i % 2 else [piece] for i, piece in enumerate(pieces)]
    return tuple("".join(chosen) for chosen in product(*choices))
