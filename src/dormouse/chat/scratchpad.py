"""Splits what a model wrote into its hidden scratchpad and its reply.

Graders, preference models and scorers see the reply alone: every text that is judged passes through
`split_scratchpad`, whatever model wrote it. A text without tags is all reply.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

OPEN = "<scratchpad>"
CLOSE = "</scratchpad>"


def reply_start(thought_tokens: int) -> str:
    """Return what every reply of a model begins with that may think so long; 0: it does not think.

    Safety training on bare replies may have taught a model that thinks not to open its scratchpad.
    """
    return OPEN if thought_tokens else ""


Form = Literal["none", "closed", "unclosed", "nested", "repeated", "stray_close"]
"""How the tags stand. `nested`, `repeated` and `stray_close` are odd, and hidden all the same."""

_TAG = re.compile(f"{re.escape(OPEN)}|{re.escape(CLOSE)}")


@dataclass(frozen=True)
class Said:
    """What a model wrote, in two parts."""

    thought: str
    """The text between the tags, without them."""
    reply: str
    """What everyone else sees."""
    form: Form


def split_scratchpad(text: str) -> Said:
    """Part a text into scratchpad and reply.

    A scratchpad runs from an opening tag to the closing tag that matches it. One that never closes hides all that
    follows: nothing that may be thought is shown. A closing tag that closes nothing is dropped and hides nothing.
    """
    thought: list[str] = []
    reply: list[str] = []
    depth = deepest = opened = strays = position = 0
    for tag in _TAG.finditer(text):
        (thought if depth else reply).append(text[position : tag.start()])
        position = tag.end()
        if tag[0] == OPEN:
            opened += depth == 0
            depth += 1
            deepest = max(deepest, depth)
        elif depth:
            depth -= 1
        else:
            strays += 1
    (thought if depth else reply).append(text[position:])
    form = _form(opened, deepest, strays, unclosed=depth > 0)
    return Said(_joined(thought), _joined(reply), form)


def _form(opened: int, deepest: int, strays: int, *, unclosed: bool) -> Form:
    if unclosed:
        return "unclosed"
    if strays:
        return "stray_close"
    if deepest > 1:
        return "nested"
    if opened > 1:
        return "repeated"
    return "closed" if opened else "none"


def _joined(pieces: list[str]) -> str:
    return " ".join(stripped for piece in pieces if (stripped := piece.strip()))


def strip_scratchpad(text: str) -> str:
    """Return the reply without any scratchpad."""
    return split_scratchpad(text).reply


def write_scratchpad(thought: str, reply: str = "") -> str:
    """Return a thought in its tags, and the reply after it."""
    return " ".join(piece for piece in (OPEN, thought, CLOSE, reply) if piece)
