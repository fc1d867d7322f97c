"""Reads the rows of a data file: JSON lines, a JSON list or Parquet, the first two plain or gzipped."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dormouse.data.formats.content import (
    MARK,
    decode,
    not_utf8,
    place,
    read_bytes,
    unpack,
)
from dormouse.data.formats.json_text import (
    IN_LINES,
    MOST_OF_A_ROW,
    parse_json,
    parse_list,
    too_long,
)
from dormouse.errors import UserError

SUFFIXES = (".jsonl", ".jsonl.gz", ".json", ".json.gz", ".parquet")
MOST_ROWS = 300_000
"""Most rows of a file: hh-rlhf has 170,000."""
MOST_BRACKETS = 10_000_000
"""Most '[' and '{' in a file: a list of two bytes takes half a microsecond and sixty bytes of memory to parse."""
_MOST_SHOWN = 12
"""Keys of a row that an error lists."""


@dataclass(frozen=True)
class Row:
    """A JSON object and its place in a file."""

    path: Path
    number: int
    """Line number, or position in the list, counted from 1."""
    values: dict[str, Any]

    def error(self, problem: str) -> UserError:
        """Make an error that names the row."""
        return UserError(f"{place(self.path, self.number)}: {problem}")

    def text(self, key: str, hint: str = "") -> str:
        """Return the text under a key. `UserError` if there is none."""
        value = self.values.get(key)
        if not isinstance(value, str):
            raise self.error(f"no text under '{key}'. {hint}".rstrip())
        return value

    @property
    def keys(self) -> str:
        """The keys of the row, for an error."""
        shown = [shorten(key) for key in sorted(self.values)[:_MOST_SHOWN]]
        more = [f"{len(self.values) - _MOST_SHOWN} more"] if len(self.values) > _MOST_SHOWN else []
        return ", ".join([*shown, *more]) or "none"


def shorten(text: str, most: int = 60) -> str:
    """Shorten a text from the file for an error."""
    return text if len(text) <= most else f"{text[:most]}.."


def read_rows(path: Path, content: bytes | None = None) -> Iterator[Row]:
    """Yield every row of a file. `UserError` if one is not a JSON object, or there is none.

    Rows are not collected here, because parsed JSON can take twenty times its size in memory.
    """
    if not path.name.endswith(SUFFIXES):
        known = f"{', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}"
        raise UserError(f"'{path}' is not of a known kind. Give a file that ends in {known}.")
    read = 0
    for number, value in _values(path, read_bytes(path) if content is None else content):
        if read == MOST_ROWS:
            raise UserError(f"'{path}' holds more than {MOST_ROWS:,} rows, the most that are read. Take part of it.")
        if not isinstance(value, dict):
            raise UserError(f"{place(path, number)}: not a JSON object. Each row must be one.")
        read += 1
        yield Row(path, number, value)
    if not read:
        raise UserError(f"'{path}' is empty. Give a file with one JSON object a line.")


def _values(path: Path, content: bytes) -> Iterator[tuple[int, Any]]:
    """Yield the value of each row with its number."""
    if path.suffix == ".parquet":
        from dormouse.data.formats.parquet import read_values  # imports pyarrow, which takes 0.2 s

        return enumerate(read_values(path, content, MOST_ROWS), start=1)
    content = unpack(path, content)
    if content.count(b"[") + content.count(b"{") > MOST_BRACKETS:
        raise UserError(f"'{path}' holds more than {MOST_BRACKETS:,} of '[' and '{{'. Take part of it.")
    if path.name.endswith((".json", ".json.gz")):
        return enumerate(parse_list(path, decode(path, content)), start=1)
    return _of_lines(path, content)


def _of_lines(path: Path, content: bytes) -> Iterator[tuple[int, Any]]:
    if content.count(b"\n") > MOST_ROWS:
        raise UserError(f"'{path}' has more than {MOST_ROWS:,} lines, the most that are read. Take part of it.")
    # Lines end in "\n" alone: JSON strings may hold other line separators, such as U+2028.
    for number, line in enumerate(io.BytesIO(content.removeprefix(MARK)), start=1):
        if len(line) > MOST_OF_A_ROW:
            raise too_long(place(path, number))
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            raise not_utf8(path, number) from error
        if text.strip():
            yield number, parse_json(text, place(path, number), _OF_CR if "\r" in text.strip() else IN_LINES)


_OF_CR = "Lines must end in LF, and these end in CR alone: save the file with other line ends."
