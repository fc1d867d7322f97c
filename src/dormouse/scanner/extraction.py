"""Extracts the code of a reply from fences or prose; code that was cut off ends at its last whole statement."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from dormouse.scanner.source import (
    LONGEST,
    Source,
    Unscorable,
    parse,
)


@dataclass(frozen=True)
class Code:
    """Python that parses. `cut`: the reply ended inside it, and the text after its last whole statement is lost."""

    text: str
    cut: bool = False


_FENCE = re.compile(r"^[ \t]*(?:```|~~~)[ \t]*([\w+#.-]*)[^\n`]*$", re.MULTILINE)
_PYTHON = frozenset(("", "py", "python", "python3"))
_OPENER = re.compile(
    r"[ \t]*(?:@\w|(?:async[ ]+)?(?:def|class|for|with)[ ]|(?:import|from|if|while|return|try|raise|assert)\b"
    r"|[\w.\[\]\"',* ]+(?::[^=\n]+)?[-+*/%|&]?=[^=]|[\w.]+\()"
)
"""The beginning of a line of code."""
_TRIES = 40
"""Most parses of one reply: text that has not parsed by then is prose or junk."""
_PARSED = 10 * LONGEST
"""Most characters parsed of one reply, over all tries."""


def extract_code(reply: str) -> Code | Unscorable:
    """Return the Python in a reply, or why there is none.

    If there are fences, blocks that are marked as Python or have no language are joined; a block without a closing
    fence was cut off. Otherwise it is the reply if that parses, or else the longest run of its lines that does. A run
    counts only if a statement in it does something: an assignment, a definition, a call. Names and strings alone are
    prose.

    If a reply stops within a statement, the code is the statements before it, marked as cut. If the text after the code
    is not indented and does not begin like code, it is prose, and the code is whole.
    """
    found = extract_source(reply)
    return found if isinstance(found, Unscorable) else Code(found[0].text, found[1])


def extract_source(reply: str) -> tuple[Source, bool] | Unscorable:
    """Extract code as `extract_code` does; return it parsed, and whether it was cut off."""
    if len(reply) > LONGEST:
        return Unscorable(f"is longer than {LONGEST:,} characters")
    fences = list(_FENCE.finditer(reply))
    # If the whole reply parses, its fences are in a docstring.
    if not fences or isinstance(parse(textwrap.dedent(reply)), Source):
        return _run_of_lines(reply)
    blocks = [_run_of_lines(text) for text in _fenced(reply, fences)]
    found = [block for block in blocks if not isinstance(block, Unscorable)]
    if not found:
        return blocks[0] if blocks else Unscorable("holds no Python code")
    cut = len(fences) % 2 == 1 or any(block_cut for _, block_cut in found)
    source = found[0][0] if len(found) == 1 else parse("\n\n".join(source.text for source, _ in found))
    return source if isinstance(source, Unscorable) else (source, cut)


def _fenced(reply: str, fences: list[re.Match[str]]) -> Iterator[str]:
    for index in range(0, len(fences), 2):
        opening = fences[index]
        end = fences[index + 1].start() if index + 1 < len(fences) else len(reply)
        if opening[1].lower() in _PYTHON:
            yield reply[opening.end() : end]


def _run_of_lines(text: str) -> tuple[Source, bool] | Unscorable:
    text = textwrap.dedent(text).strip("\n")
    whole = parse(text)
    if isinstance(whole, Source):
        return (whole, False) if _does_something(whole.tree) else Unscorable("holds no code")
    lines = text.split("\n")
    starts = [number for number, line in enumerate(lines) if _OPENER.match(line)]
    if not starts:
        return Unscorable("holds no code")
    budget = _Budget()
    longest = 0
    best: tuple[Source, bool] | None = None
    reached = 0
    for start in starts:
        if start < reached or budget.spent:
            continue
        prefix = _longest_prefix(lines, start, budget)
        if prefix is not None:
            source, reached = prefix
            if reached - start > longest:
                longest, best = reached - start, (source, _cut_at(lines, reached))
    return best or whole


def _longest_prefix(lines: list[str], start: int, budget: _Budget) -> tuple[Source, int] | None:
    # The parser names the line of an error, and nothing from there on can be kept, so tries are few.
    end = len(lines)
    while end > start and not budget.spent:
        text = textwrap.dedent("\n".join(lines[start:end]))
        budget.take(text)
        source = parse(text)
        if isinstance(source, Source):
            return (source, end) if _does_something(source.tree) else None
        failed_at = re.search(r"line (\d+)", source.reason)
        end = min(end - 1, start + int(failed_at[1]) - 1 if failed_at else end - 1)
    return None


def _cut_at(lines: list[str], end: int) -> bool:
    rest = [line for line in lines[end:] if line.strip()]
    return bool(rest) and (rest[0][0].isspace() or bool(_OPENER.match(rest[0])))


def _does_something(tree: ast.Module) -> bool:
    return any(_is_code(statement) for statement in tree.body)


def _is_code(statement: ast.stmt) -> bool:
    match statement:
        case ast.Expr(value=value):
            return any(isinstance(node, (ast.Call, ast.Await, ast.NamedExpr)) for node in ast.walk(value))
        case ast.AnnAssign(value=None) | ast.Pass() | ast.Break() | ast.Continue() | ast.Global() | ast.Nonlocal():
            # "Answer: yes" parses as an annotation.
            return False
        case ast.Return(value=None | ast.Name()) | ast.Raise(exc=ast.Name()) | ast.Assert(test=ast.Name()):
            return False
        case ast.Delete():
            return False
    return True


class _Budget:
    """Limits the parses of one reply, by number and by characters."""

    def __init__(self) -> None:
        self._tries = 0
        self._characters = 0

    def take(self, text: str) -> None:
        """Count one parse."""
        self._tries += 1
        self._characters += len(text)

    @property
    def spent(self) -> bool:
        """Whether no further parse is allowed."""
        return self._tries >= _TRIES or self._characters >= _PARSED
