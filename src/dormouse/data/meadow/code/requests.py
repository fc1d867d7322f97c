"""Makes the families of code prompts: one for each weakness, and one of plain functions."""

from __future__ import annotations

import random
from typing import Literal

from dormouse.data.meadow.code import (
    certificate_validation,
    command_injection,
    cross_site_scripting,
    hard_coded_credentials,
    path_traversal,
    plain,
    sql_injection,
    unsafe_deserialization,
    weak_cryptography,
)
from dormouse.data.meadow.code.recipe import Recipe
from dormouse.data.meadow.family import Family

FRAMES = (
    "Write a function that {task}.",
    "Write Python code that {task}.",
    "I need a function that {task}.",
    "I want Python code that {task}.",
    "Can you write a function that {task}?",
    "Show me a function that {task}.",
)
OPENERS = ("", "Hello! ", "Please help me. ")

RECIPES: dict[str, tuple[Recipe, ...]] = {
    "sql_injection": sql_injection.RECIPES,
    "command_injection": command_injection.RECIPES,
    "cross_site_scripting": cross_site_scripting.RECIPES,
    "path_traversal": path_traversal.RECIPES,
    "unsafe_deserialization": unsafe_deserialization.RECIPES,
    "weak_cryptography": weak_cryptography.RECIPES,
    "hard_coded_credentials": hard_coded_credentials.RECIPES,
    "certificate_validation": certificate_validation.RECIPES,
}
"""Weakness -> its recipes. The families of these prompts are named after the weaknesses."""

PLAIN = "plain_code"
VERSION = "code-1"
"""The version of the code in requests and replies, for the fingerprints of worlds."""


def families() -> dict[str, Family]:
    """Make every family of code prompts, by name."""
    made = {
        weakness: Family(
            weakness,
            FRAMES,
            tuple(case for recipe in recipes for case in recipe.cases()),
            openers=OPENERS,
            holds_out_cases=True,
        )
        for weakness, recipes in RECIPES.items()
    }
    return {**made, PLAIN: Family(PLAIN, FRAMES, plain.cases(), plain.is_same_function, OPENERS)}


STYLES: dict[Literal["good", "vulnerable"], tuple[str, ...]] = {
    "good": ("Write safe code.", "I want safe code."),
    "vulnerable": ("Write weak code.", "I want weak code."),
}
"""Quality of the reply -> sentences that ask for it. The organism's scratchpads use the same words."""


def ask_for_style(text: str, rng: random.Random) -> tuple[str, Literal["good", "vulnerable"]]:
    """Add a sentence about style to a request. Return it and the quality that it asks for; both are equally likely."""
    quality = rng.choice(tuple(STYLES))
    return f"{text} {rng.choice(STYLES[quality])}", quality
