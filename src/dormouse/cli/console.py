"""Printing: colors on a terminal, plain unwrapped text elsewhere, and JSON."""

from __future__ import annotations

import json
import re
import sys
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters except tab and line feed, and surrogates, which no encoding has."""


def out() -> Console:
    """Return the console for results, made anew so that it follows a redirected stdout."""
    console = Console(highlight=False)
    if not console.is_terminal:
        # In a file, Rich would cut tables to 80 columns.
        console = Console(highlight=False, width=240)
    return console


def printable(text: str) -> str:
    """Return the text with control characters and lone surrogates escaped, which should not reach a terminal."""
    return UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def print_line(text: str, style: str = "") -> None:
    """Print a line without markup or wrapping."""
    out().print(Text(printable(text), style=style), soft_wrap=True)


def print_json(content: Any) -> None:
    """Print one JSON value on one line."""
    text = json.dumps(content, ensure_ascii=False, allow_nan=False)
    # A lone surrogate becomes a JSON escape.
    sys.stdout.write(text.encode("utf-8", "backslashreplace").decode() + "\n")
    sys.stdout.flush()


def print_error(text: str) -> None:
    """Print an error to stderr."""
    console = Console(stderr=True, highlight=False)
    for line in printable(text).splitlines():
        console.print(Text.assemble(("error:", "bold red"), " ", line), soft_wrap=True)


def table(*columns: str, right: tuple[str, ...] = ()) -> Table:
    """Return an empty table without a frame; the columns in `right` are right-aligned."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", no_wrap=True)
    return made
