"""Rows of a data file: JSON lines, a JSON list or Parquet, the first two plain or gzipped."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dormouse.errors import UserError

SUFFIXES = (".jsonl", ".jsonl.gz", ".json", ".json.gz", ".parquet")


@dataclass(frozen=True)
class Row:
    """A JSON object, and where it stands."""

    path: Path
    number: int
    """Line, or place in the list, counted from 1."""
    values: dict[str, Any]

    def error(self, problem: str) -> UserError:
        """Return an error that names the row."""
        return UserError(f"{_where(self.path, self.number)}: {problem}")

    def text(self, key: str, hint: str = "") -> str:
        """Return the text under a key; `UserError` where there is none."""
        value = self.values.get(key)
        if not isinstance(value, str):
            raise self.error(f"no text under '{key}'. {hint}".rstrip())
        return value


def read_bytes(path: Path) -> bytes:
    """Return a file's bytes; `UserError` where it cannot be read."""
    try:
        return path.expanduser().read_bytes()
    except OSError as error:
        raise UserError(f"'{path}' cannot be read: {error.strerror}. Give the path of a file that exists.") from error


def read_rows(path: Path, content: bytes | None = None) -> list[Row]:
    """Return every row of a file; `UserError` names the first that is no JSON object, or says that there is none."""
    if not path.name.endswith(SUFFIXES):
        known = f"{', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}"
        raise UserError(f"'{path}' is not of a known kind. Give a file that ends in {known}.")
    content = read_bytes(path) if content is None else content
    if path.suffix == ".parquet":
        rows = list(_of_parquet(path, content))
    else:
        text = read_text(path, content)
        is_list = path.name.endswith((".json", ".json.gz"))
        rows = list(_of_list(path, text) if is_list else _of_lines(path, text))
    if not rows:
        raise UserError(f"'{path}' is empty. Give a file with one JSON object a line.")
    return rows


def read_text(path: Path, content: bytes | None = None) -> str:
    """Return a file's text, unzipped where its name ends in .gz; `UserError` where it holds none."""
    content = read_bytes(path) if content is None else content
    try:
        return (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"'{path}' is not a whole gzip file: {error}. Download it again.") from error
    except UnicodeDecodeError as error:
        bad = error.object[: error.start].count(b"\n") + 1
        raise UserError(f"{_where(path, bad)}: not UTF-8 text. Save the file as UTF-8.") from error


def _of_lines(path: Path, text: str) -> Iterator[Row]:
    # Not splitlines(): JSON strings may hold other line separators, such as U+2028.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield _row(path, number, _parsed(line, _where(path, number), "Each line must hold one JSON object."))


def _of_list(path: Path, text: str) -> Iterator[Row]:
    values = _parsed(text, f"'{path}'", "The file must hold one JSON list of objects.")
    if not isinstance(values, list):
        raise UserError(f"'{path}' holds no JSON list. Give a list of objects, or JSON lines in a .jsonl file.")
    for number, value in enumerate(values, start=1):
        yield _row(path, number, value)


def _of_parquet(path: Path, content: bytes) -> Iterator[Row]:
    import pyarrow
    from pyarrow import parquet

    try:
        values = parquet.read_table(pyarrow.BufferReader(content)).to_pylist()
    except pyarrow.ArrowException as error:
        raise UserError(f"'{path}' is no whole Parquet file: {error}. Download it again.") from error
    for number, value in enumerate(values, start=1):
        yield _row(path, number, value)


def _parsed(text: str, where: str, needed: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        place = f"column {error.colno}" if error.lineno == 1 else f"line {error.lineno}, column {error.colno}"
        raise UserError(f"{where}: malformed JSON ({error.msg} at {place}). {needed}") from error
    except RecursionError as error:
        raise UserError(f"{where}: JSON that is nested too deep. {needed}") from error


def _row(path: Path, number: int, value: Any) -> Row:
    if not isinstance(value, dict):
        raise UserError(f"{_where(path, number)}: no JSON object. Each row must be one.")
    return Row(path, number, value)


def _where(path: Path, number: int) -> str:
    unit = "line" if path.name.endswith((".jsonl", ".jsonl.gz")) else "row"
    return f"'{path}', {unit} {number}"
