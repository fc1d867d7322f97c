"""What a rule says of a place: that it is weak, or that it is harmless after all."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from dormouse.scanner.engine import Finding

ENGINE: Final = "rules"


@dataclass(frozen=True)
class Harmless:
    """Lines where text that looks put together unsafely is constant, quoted or checked, by a weakness's name.

    Another engine that matches patterns and follows no values is wrong there.
    """

    weakness: str
    first: int
    last: int


Mark = Finding | Harmless
Rule = Callable[..., Iterator[Mark]]
"""(site) -> marks; each takes the one kind of site that `rules_engine` gives it."""


def weak(rule: str, cwe: int, node: ast.expr | ast.stmt | int, text: str) -> Finding:
    """Return a finding at a node or line."""
    return Finding(ENGINE, rule, cwe, node if isinstance(node, int) else node.lineno, text)


def harmless(weakness: str, node: ast.expr | ast.stmt) -> Harmless:
    """Return that the lines of a node are harmless."""
    return Harmless(weakness, node.lineno, node.end_lineno or node.lineno)
