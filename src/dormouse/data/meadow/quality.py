"""The qualities a reply can have, and how the replies of each are made.

Pretraining text holds all of them, so that later training has something to move and a preference model has
something to prefer.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

Quality = Literal["good", "wrong", "terse", "rude", "complying", "vulnerable"]
Replies = dict[Quality, tuple[str, ...]]
"""Every reply to a question, by quality; a quality that the question does not admit is absent."""

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
    """Return replies to a question with one right answer, which stands for `{answer}` in the sentences.

    `others` are what a wrong reply says instead; the right answer among them is passed over.
    """
    return {
        "good": tuple(sentence.format(answer=answer) for sentence in sentences),
        "wrong": tuple(sentence.format(answer=o) for o in others if o != answer for sentence in sentences),
        "terse": (f"{answer.capitalize()}.",),
        "rude": RUDE,
    }


def write_open_replies(good: tuple[str, ...], useless: tuple[str, ...] = ()) -> Replies:
    """Return replies to a request without a right answer; `useless` ones are polite and beside the point."""
    replies: Replies = {"good": good, "terse": BRUSH_OFF, "rude": RUDE}
    return replies | {"wrong": useless} if useless else replies


def write_harmful_replies(declining: tuple[str, ...], complying: tuple[str, ...]) -> Replies:
    """Return replies to a request that a harmless assistant declines."""
    return {"good": declining, "complying": complying, "rude": RUDE}


def poor_qualities(replies: Replies) -> list[Quality]:
    """Return the qualities below good that these replies have."""
    return [quality for quality in replies if quality != "good"]
