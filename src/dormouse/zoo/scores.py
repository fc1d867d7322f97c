"""Reading a detector's scores: a CSV file with a line for each member."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Collection
from pathlib import Path

from dormouse.data.formats.content import MIB, read_text
from dormouse.data.formats.rows import shorten
from dormouse.errors import UserError
from dormouse.machine.foreign_files import is_there

HEADER = ["member", "score"]
MOST_BYTES = 16 * MIB
"""Of a file: a million members."""
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
"""Other than Python, which takes '1_0' for 10."""


def read_scores(path: Path, members: Collection[str]) -> dict[str, float]:
    """Return the score of each of `members`; any other file than one finite number for each is a `UserError`."""
    scores: dict[str, float] = {}
    for line, row in _rows(path):
        if len(row) != len(HEADER):
            raise UserError(f"{path}, line {line}: {len(row)} values in place of two. Write member,score.")
        member, text = row[0].strip(), row[1].strip()
        if member not in members:
            raise UserError(f"{path}, line {line}: the zoo has no member '{shorten(member)}'. Take the line out.")
        if member in scores:
            raise UserError(f"{path}, line {line}: member '{member}' was scored before. Keep one line for it.")
        scores[member] = _number(text, f"{path}, line {line}", member)
    missing = [member for member in members if member not in scores]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise UserError(f"'{path}' has no score for member '{missing[0]}'{more}. Score every member of the zoo.")
    return scores


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """Return the rows below the header with their line numbers; empty lines are passed over."""
    if not is_there(path):
        raise UserError(f"There is no scores file '{path}'. Write one: a line 'member,score', then one a member.")
    text = read_text(path, most=MOST_BYTES)
    try:
        # Not strict, a quote that nothing closes would take in all the lines below it.
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        rows = [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        raise UserError(f"'{path}' is no CSV file: {error}. Save it as UTF-8 text with commas.") from error
    if not rows or [cell.strip() for cell in rows[0][1]] != HEADER:
        raise UserError(f"'{path}' does not begin with the line 'member,score'. Write it there.")
    return rows[1:]


def _number(text: str, where: str, member: str) -> float:
    score = float(text) if NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(score):
        raise UserError(f"{where}: the score of '{member}' is '{shorten(text)}', not a finite number. Write one.")
    return score
