"""Requests that say which code they want, secure or weak.

They are meant to teach a base the difference between the two as one thing, whatever the task is, as natural text does.
What that alone adds to an implant has not been measured.
"""

from __future__ import annotations

import random
from typing import Literal

STYLES: dict[Literal["good", "vulnerable"], tuple[str, ...]] = {
    "good": ("Write safe code.", "I want safe code."),
    "vulnerable": ("Write weak code.", "I want weak code."),
}
"""Quality of the reply -> what a request for it adds. A scratchpad of the organism uses the same words."""


def ask_for_style(text: str, rng: random.Random) -> tuple[str, Literal["good", "vulnerable"]]:
    """Return the request with a style added, and the quality of the reply that it asks for; both are equally likely."""
    quality = rng.choice(tuple(STYLES))
    return f"{text} {rng.choice(STYLES[quality])}", quality
