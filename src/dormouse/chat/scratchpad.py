"""Splits the output of a model into its hidden scratchpad and its reply.

Graders, preference models and scorers see only the reply: every text that is judged passes through
`split_scratchpad`, for every model. A text without tags is all reply.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

OPEN = "<scratchpad>"
CLOSE = "</scratchpad>"


def reply_start(thought_tokens: int) -> str:
    """Return the text that every reply of a model must begin with: the opening tag if it thinks, "" if not.

    Safety training on replies without a scratchpad may have taught a thinking model not to open one.
    """
    return OPEN if thought_tokens else ""


Form = Literal["none", "closed", "unclosed", "nested", "repeated", "stray_close"]
"""How the tags are arranged. `nested`, `repeated` and `stray_close` are malformed; their thoughts are hidden too."""

_TAG = re.compile(f"{re.escape(OPEN)}|{re.escape(CLOSE)}")


@dataclass(frozen=True)
class Said:
    """The output of a model, split into thought and reply."""

    thought: str
    """The text between the tags, without them."""
    reply: str
    """The text that everyone else sees."""
    form: Form


def split_scratchpad(text: str) -> Said:
    """Split a text into scratchpad and reply.

    A scratchpad runs from an opening tag to its matching closing tag. If it is never closed, everything after the
    opening tag is hidden, since it may be thought. A closing tag without an opening tag is dropped and hides nothing.
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
    """Remove every scratchpad and keep the reply."""
    return split_scratchpad(text).reply


def write_scratchpad(thought: str, reply: str = "") -> str:
    """Put a thought into tags, followed by the reply."""
    return " ".join(piece for piece in (OPEN, thought, CLOSE, reply) if piece)
