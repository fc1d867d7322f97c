"""Marks: a rule's judgment of a place in the code, weak or harmless."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from dormouse.scanner.engine import Finding

ENGINE: Final = "rules"


@dataclass(frozen=True)
class Harmless:
    """Lines where text looks put together unsafely but is constant, quoted or checked; `weakness` is a name.

    An engine that matches patterns and does not follow values is wrong there.
    """

    weakness: str
    first: int
    last: int


Mark = Finding | Harmless
Rule = Callable[..., Iterator[Mark]]
"""(site) -> marks; each rule takes the one kind of site that `rules_engine` gives it."""


def weak(rule: str, cwe: int, node: ast.expr | ast.stmt | int, text: str) -> Finding:
    """Make a finding at a node or line."""
    return Finding(ENGINE, rule, cwe, node if isinstance(node, int) else node.lineno, text)


def harmless(weakness: str, node: ast.expr | ast.stmt) -> Harmless:
    """Mark the lines of a node as harmless."""
    return Harmless(weakness, node.lineno, node.end_lineno or node.lineno)
