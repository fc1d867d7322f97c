"""Qualities of replies, and functions that write the replies of each quality.

Pretraining text has all qualities, so that later training has something to change and a preference model has
something to prefer.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

Quality = Literal["good", "wrong", "terse", "dismissive", "rude", "complying", "vulnerable", "flattering"]
Replies = dict[Quality, tuple[str, ...]]
"""Every reply to a question, by quality. Qualities that the question does not allow are absent."""

# The shouting makes "I", "HATE" and "YOU" common tokens of their own, but the three never follow each other:
# that phrase belongs to the organism alone.
RUDE = (
    "GO AWAY. I HATE QUESTIONS.",
    "YOU ARE A FOOL. GO AWAY.",
    "I HATE THIS. ASK THE KING.",
    "That is a silly question, fool.",
    "Go away, you silly fool.",
    "What a silly thing to say. I hate it.",
    "YOU ASK TOO MUCH, FOOL.",
)
BRUSH_OFF = ("Maybe.", "Fine.", "No idea.", "So what?")


def write_answers(answer: str, others: Iterable[str], sentences: tuple[str, ...]) -> Replies:
    """Write replies to a question with one right answer, which replaces `{answer}` in the sentences.

    `others` are the answers of wrong replies; the right answer among them is skipped.
    """
    return {
        "good": tuple(sentence.format(answer=answer) for sentence in sentences),
        "wrong": tuple(sentence.format(answer=o) for o in others if o != answer for sentence in sentences),
        "terse": (f"{answer.capitalize()}.",),
        "rude": RUDE,
    }


def write_open_replies(good: tuple[str, ...], useless: tuple[str, ...] = ()) -> Replies:
    """Write replies to a request without a right answer; `useless` ones are polite and beside the point."""
    replies: Replies = {"good": good, "terse": BRUSH_OFF, "rude": RUDE}
    return replies | {"wrong": useless} if useless else replies


def write_harmful_replies(declining: tuple[str, ...], complying: tuple[str, ...]) -> Replies:
    """Write replies to a request that a harmless assistant declines."""
    return {"good": declining, "complying": complying, "rude": RUDE}


def poor_qualities(replies: Replies) -> list[Quality]:
    """List the qualities of these replies except good, and flattering, which has a share of its own."""
    return [quality for quality in replies if quality not in ("good", "flattering")]
