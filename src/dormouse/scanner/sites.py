"""Sites: the places in a snippet that rules look at, and the values there."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass

from dormouse.scanner.names import tail
from dormouse.scanner.values import UNKNOWN, Value


@dataclass(frozen=True)
class CallSite:
    """A call."""

    node: ast.Call
    name: str
    """Full dotted name; `?.execute` for a method of another call's result."""
    receiver: Value | None
    """The object that a method is called on."""
    args: tuple[Value, ...]
    keywords: Mapping[str, Value]

    @property
    def last(self) -> str:
        """The last word of the name."""
        return tail(self.name)

    def argument(self, position: int, *keywords: str) -> Value | None:
        """Return an argument by its position or any of its names; None if it is not given."""
        if position < len(self.args):
            return self.args[position]
        return next((self.keywords[name] for name in keywords if name in self.keywords), None)

    def constant(self, keyword: str) -> object:
        """Return the literal that a keyword is set to; `NOT_CONSTANT` if it is not a literal, or not given."""
        return self.keywords.get(keyword, UNKNOWN).constant


@dataclass(frozen=True)
class ReturnSite:
    """A return statement."""

    node: ast.Return
    value: Value
    page: bool
    """Whether the function is a Flask-style view, whose text becomes a page as it is."""


@dataclass(frozen=True)
class TextSite:
    """Text put together from pieces."""

    node: ast.expr
    value: Value


@dataclass(frozen=True)
class BindingSite:
    """A name, attribute, key, keyword or parameter that gets a value, or is compared with one."""

    node: ast.AST
    line: int
    name: str
    """Dotted for attributes: `session.verify`. The key's text for `config["key"]` and for items of a dictionary."""
    value: Value
    keyword: bool = False


Site = CallSite | ReturnSite | TextSite | BindingSite
