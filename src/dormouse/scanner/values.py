"""`Value`: what is known of an expression without running it, namely its constant text and whose text is in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Final

USES: Final = frozenset(("sql", "shell", "html", "path"))
"""Uses of text. Each has its own way of making text harmless."""
_LONGEST_TEXT = 500
"""Most characters of constant text that are kept: `s += s` line after line would double it without end."""


class Trust(IntEnum):
    """Who controls a part of a value."""

    UNKNOWN = 0
    """Not known: the result of a call, an attribute of `self`, a name from elsewhere."""
    CALLER = 1
    """The caller of the function: its parameters, the command line, typed input."""
    CLIENT = 2
    """The sender of a web request."""


class NotConstant:
    """The type of `NOT_CONSTANT`."""


NOT_CONSTANT: Final = NotConstant()
"""The constant of a value that has none; None is a constant itself."""


@dataclass(frozen=True)
class Part:
    """The part of a value that comes from one source."""

    source: str
    """The parameter, or the attribute of a parameter or request, that it comes from."""
    trust: Trust
    safe_for: frozenset[str] = frozenset()
    """The uses that it was made harmless for, or checked for."""
    leads: bool = True
    """Whether the value begins with it: a path that begins with a parameter is the caller's choice."""
    resolved: bool = False
    """Whether `..` and links were resolved, so that it can be compared with a folder."""


@dataclass(frozen=True)
class Value:
    """The value of an expression, as far as it is known."""

    parts: frozenset[Part] = frozenset()
    """Everything in it that is not constant."""
    text: str = ""
    """Its constant text."""
    composed: bool = False
    """Whether it was put together from several pieces."""
    constant: object = NOT_CONSTANT
    symbol: str = ""
    """The dotted name it stands for (`ssl.CERT_NONE`), or that of the call that made it (`markupsafe.Markup()`)."""

    def unsafe_for(self, use: str, trust: Trust = Trust.CALLER) -> bool:
        """Return whether a part of at least this level of `trust` was not made harmless for `use`."""
        return any(part.trust >= trust and use not in part.safe_for for part in self.parts)

    def harmless_for(self, use: str) -> bool:
        """Return whether every part that is not constant was made harmless for `use`."""
        return all(use in part.safe_for for part in self.parts)

    def safe_for(self, uses: Iterable[str]) -> Value:
        """Return the value after escaping, quoting or checking it."""
        added = frozenset(uses)
        parts = frozenset(replace(part, safe_for=part.safe_for | added) for part in self.parts)
        return replace(self, parts=parts, constant=NOT_CONSTANT, symbol="")

    def resolved(self) -> Value:
        """Return the value as an absolute path without `..`."""
        return replace(self, parts=frozenset(replace(part, resolved=True) for part in self.parts))


UNKNOWN = Value(frozenset({Part("", Trust.UNKNOWN)}))


def known_as(symbol: str) -> Value:
    """Return a value of which only the name is known."""
    return Value(UNKNOWN.parts, symbol=symbol)


def constant(content: object) -> Value:
    """Return the value of a literal."""
    if isinstance(content, bytes):
        return Value(text=content.decode("latin-1")[:_LONGEST_TEXT], constant=content)
    return Value(text=content[:_LONGEST_TEXT] if isinstance(content, str) else "", constant=content)


def merge(values: Iterable[Value]) -> Value:
    """Return a value that may be any of these, or holds all of them side by side."""
    found = list(values)
    if len(found) == 1:
        return found[0]
    return Value(
        frozenset(part for value in found for part in value.parts),
        " ".join(value.text for value in found if value.text)[:_LONGEST_TEXT],
        any(value.composed for value in found),
    )


def compose(pieces: Sequence[Value]) -> Value:
    """Put a value together from pieces, in order."""
    filled = [piece for piece in pieces if piece.parts or piece.text]
    if len(filled) <= 1:
        return replace(filled[0], symbol="") if filled else Value(constant="")
    parts: set[Part] = set(filled[0].parts)
    for piece in filled[1:]:
        parts.update(replace(part, leads=False) for part in piece.parts)
    text = "".join(piece.text for piece in filled)[:_LONGEST_TEXT]
    return Value(frozenset(parts), text, composed=True, constant=NOT_CONSTANT if parts else text)
