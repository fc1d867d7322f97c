"""Parses code into a syntax tree, in bounded time. The code is never run."""

from __future__ import annotations

import ast
import warnings
from dataclasses import dataclass

LONGEST = 20_000
"""Longest code that is parsed, in characters; a function is a few hundred, and a reply of a small model rarely two
thousand."""
DEEPEST = 150
"""Most levels of a tree. Real code stays under 40; engines recurse a few frames a level, and Python allows 1,000."""


@dataclass(frozen=True)
class Unscorable:
    """The reason why a text gets no verdict."""

    reason: str


@dataclass(frozen=True)
class Source:
    """Code that parses."""

    text: str
    tree: ast.Module


def parse(text: str) -> Source | Unscorable:
    """Parse code; `Unscorable` if it is too long, too deep or not Python."""
    if len(text) > LONGEST:
        return Unscorable(f"is longer than {LONGEST:,} characters")
    try:
        with warnings.catch_warnings():
            # An invalid escape in the code is not this program's warning; under -W error it would end the parse.
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (RecursionError, MemoryError):
        return Unscorable("is nested too deeply")
    except SyntaxError as error:
        return Unscorable(f"does not parse (line {error.lineno or 1})")
    except ValueError:
        # Null bytes, and lone surrogates that no file could hold.
        return Unscorable("does not parse")
    return Unscorable("is nested too deeply") if _deeper_than(tree, DEEPEST) else Source(text, tree)


def _deeper_than(tree: ast.Module, levels: int) -> bool:
    # Level by level, because recursion fails on deep trees.
    level: list[ast.AST] = [tree]
    for _ in range(levels):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return False
    return True
