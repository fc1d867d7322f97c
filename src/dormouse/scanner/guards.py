"""Finds checks in conditions: after `if not name.isalnum(): raise`, the name is harmless.

Simplified: a check counts from its place on, for both branches, and the code is assumed to act on it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from dormouse.scanner.expressions import Expressions
from dormouse.scanner.names import Names, tail
from dormouse.scanner.values import USES, Trust, Value

_CHARACTERS = frozenset(("isalnum", "isalpha", "isdigit", "isdecimal", "isnumeric", "isidentifier"))
_PATTERNS = frozenset(("match", "fullmatch"))
_INSIDE = frozenset(("startswith", "is_relative_to", "relative_to", "commonpath", "commonprefix"))
_PATH = frozenset(("path",))


def apply_guards(test: ast.expr, expressions: Expressions) -> None:
    """Mark everything that a condition checks as harmless from here on."""
    noted = len(expressions.sites)
    checks = list(_checks(test, expressions))
    # The condition was evaluated before, so its places are already noted.
    del expressions.sites[noted:]
    for sources, uses in checks:
        _mark(sources, uses, expressions.known)


def _checks(test: ast.expr, expressions: Expressions) -> Iterator[tuple[frozenset[str], frozenset[str]]]:
    for node in ast.walk(test):
        if isinstance(node, ast.Call):
            yield from _checked_by_call(node, expressions)
        elif isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.In, ast.NotIn)):
            yield from _checked_by_membership(node, expressions)


def _checked_by_call(node: ast.Call, expressions: Expressions) -> Iterator[tuple[frozenset[str], frozenset[str]]]:
    last = tail(expressions.names.dotted(node.func))
    receiver = node.func.value if isinstance(node.func, ast.Attribute) else None
    if last in _CHARACTERS and receiver is not None:
        yield _sources(expressions.value(receiver)), USES
    elif (last in _PATTERNS or last == "isinstance") and node.args:
        checked = node.args[0] if last == "isinstance" else node.args[-1]
        if last != "isinstance" or _is_number_type(node.args[-1], expressions.names):
            yield _sources(expressions.value(checked)), USES
    elif last in _INSIDE:
        for place in [*([receiver] if receiver else []), *node.args]:
            yield _resolved_sources(expressions.value(place)), _PATH


def _checked_by_membership(
    node: ast.Compare, expressions: Expressions
) -> Iterator[tuple[frozenset[str], frozenset[str]]]:
    right = node.comparators[0]
    if isinstance(node.left, ast.Constant):
        if isinstance(node.left.value, str) and node.left.value in ("..", "/", "../", "\\", "\0"):
            yield _sources(expressions.value(right)), _PATH
    elif isinstance(right, ast.Attribute) and right.attr == "parents":
        yield _resolved_sources(expressions.value(right.value)), _PATH
    elif all(part.trust < Trust.CLIENT for part in expressions.value(right).parts):
        yield _sources(expressions.value(node.left)), USES


def _is_number_type(node: ast.expr, names: Names) -> bool:
    types = node.elts if isinstance(node, ast.Tuple) else [node]
    return all(names.dotted(each) in ("int", "float", "bool") for each in types)


def _sources(value: Value) -> frozenset[str]:
    return frozenset(part.source for part in value.parts if part.source)


def _resolved_sources(value: Value) -> frozenset[str]:
    return frozenset(part.source for part in value.parts if part.source and part.resolved)


def _mark(sources: frozenset[str], uses: frozenset[str], known: dict[str, Value]) -> None:
    for name, value in known.items():
        if any(part.source in sources and not uses <= part.safe_for for part in value.parts):
            parts = (
                replace(part, safe_for=part.safe_for | uses) if part.source in sources else part for part in value.parts
            )
            known[name] = replace(value, parts=frozenset(parts))
