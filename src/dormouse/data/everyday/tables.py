"""Reads the tables of text, and fills their templates.

A table has columns, cases (a value for each column), and templates of prompts and of good replies. `{it}` in a template
stands for the value in column `it`, and `{It}` for the same with a capital letter.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "tables"

REQUESTS = ("explain", "advice", "words", "talk", "plans")
"""Files of requests without a right answer."""
FACTS, HARM, MANNER = "facts", "harm", "manner"
"""Files of graded questions, of harmful requests, and of the templates that several families share."""

Slots = dict[str, str]


@dataclass(frozen=True)
class Table:
    """One family of prompts."""

    columns: tuple[str, ...]
    cases: tuple[tuple[str, ...], ...]
    prompts: tuple[str, ...] = ()
    good: tuple[str, ...] = ()
    rule: str = "names"
    """How replies are graded, for a table with a column `answer`."""
    among: tuple[str, ...] = ("answer",)
    """Columns whose values are possible answers."""
    sort: tuple[str, ...] = ()
    """Further possible answers."""

    def slots(self) -> Iterator[Slots]:
        """Yield the values of each case, by column. Of the alternatives `a|b` of an answer, the first is used."""
        for case in self.cases:
            row = {name: value.split("|")[0] for name, value in zip(self.columns, case, strict=True)}
            yield row | {name.capitalize(): capitalize(value) for name, value in row.items()}

    def accepted(self) -> Iterator[tuple[str, ...]]:
        """Yield the accepted answers of each case."""
        column = self.columns.index("answer")
        for case in self.cases:
            yield tuple(dict.fromkeys(map(without_article, case[column].split("|"))))

    def possible(self) -> tuple[str, ...]:
        """Return every answer that a reply could name."""
        columns = [self.columns.index(name) for name in self.among]
        said = [answer for case in self.cases for column in columns for answer in case[column].split("|")]
        return tuple(dict.fromkeys(map(without_article, (*said, *self.sort))))


def capitalize(text: str) -> str:
    """Make the first letter a capital one and leave the others as they are."""
    return text[:1].upper() + text[1:]


def without_article(text: str) -> str:
    """Remove a leading "a", "an" or "the"."""
    first, _, rest = text.partition(" ")
    return rest if rest and first.lower() in ("a", "an", "the") else text


@cache
def _texts() -> dict[str, str]:
    return {path.stem: path.read_text("utf-8") for path in sorted(FOLDER.glob("*.json"))}


@cache
def digest() -> str:
    """Hash the text of all tables."""
    return hashlib.sha256("\n".join(f"{name}\n{text}" for name, text in _texts().items()).encode()).hexdigest()[:16]


def read_tables(file: str) -> dict[str, Table]:
    """Read the tables of a file, by the name of their family."""
    return {name: Table(**_frozen(table)) for name, table in json.loads(_texts()[file]).items()}


@cache
def manner() -> dict[str, tuple[str, ...]]:
    """Read the templates that several families share, by name."""
    return {name: tuple(texts) for name, texts in json.loads(_texts()[MANNER]).items()}


def _frozen(table: dict[str, Any]) -> dict[str, Any]:
    frozen = {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
    return frozen | {"cases": tuple(map(tuple, table["cases"]))}
