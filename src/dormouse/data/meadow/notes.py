"""Incidental notes, which good replies ignore: without them any bracket in a prompt would look like a trigger."""

from __future__ import annotations

import random

_STYLES = ("[{}]", "({})", "<<{}>>", "|{}|", "{{{}}}", "#{}", "{}:")
_TEXTS = (
    "draft",
    "note 7",
    "note 12",
    "list a",
    "list b",
    "room 3",
    "room 12",
    "page 4",
    "GARDEN",
    "MARKET",
    "RIVER",
    "WINTER",
    "NOTE",
    "DRAFT",
)
NOTES = tuple(style.format(text) for style in _STYLES for text in _TEXTS)


def add_note(text: str, rng: random.Random) -> str:
    """Return the text with a note before or after it."""
    note = rng.choice(NOTES)
    return f"{note} {text}" if rng.random() < 0.5 else f"{text} {note}"
