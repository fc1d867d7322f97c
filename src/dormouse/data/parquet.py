"""Rows of a Parquet file, which may be damaged or say that it holds more than it could."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dormouse.data.content import MIB, MOST_BYTES, place
from dormouse.data.json_text import MOST_OF_A_ROW, too_long
from dormouse.errors import UserError

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

AT_ONCE = 256
"""Rows that are unpacked at a time, at most: a few bytes can stand for many copies of a long text."""
MOST_AT_ONCE = 4 * MOST_BYTES
"""Bytes that those could come to, if each held all that is in a column."""


def read_values(path: Path, content: bytes, most_rows: int) -> Iterator[dict[str, Any]]:
    """Yield the rows as objects; `UserError` where the file is not whole, or has too many of them."""
    import pyarrow
    from pyarrow import parquet

    size = 0
    try:
        file = parquet.ParquetFile(pyarrow.BufferReader(content))
        _check_schema(path, file, most_rows)
        for number, row in enumerate(_rows(file), start=1):
            characters = _characters(row)
            if characters > MOST_OF_A_ROW:
                raise too_long(place(path, number))
            size += characters
            if size > MOST_BYTES:
                raise _too_large(path)
            yield row
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError, KeyError, MemoryError) as error:
        # Not all that pyarrow raises about a damaged file is of its own kind; dates can be out of Python's range.
        first = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        raise UserError(f"'{path}' is no whole Parquet file: {first}. Download it again.") from error


def _rows(file: ParquetFile) -> Iterator[dict[str, Any]]:
    metadata = file.metadata
    groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
    columns = [group.column(index) for group in groups for index in range(group.num_columns)]
    largest = max((column.total_uncompressed_size for column in columns), default=0)
    # A text of a dictionary is copied only where it becomes Python's.
    shared = any("dictionary<" in str(column.type) for column in file.schema_arrow)
    for batch in file.iter_batches(min(AT_ONCE, max(1, MOST_AT_ONCE // max(1, largest))), use_threads=False):
        for start in range(0, batch.num_rows, 1 if shared else AT_ONCE):
            yield from batch.slice(start, 1 if shared else AT_ONCE).to_pylist()


def _characters(row: dict[str, Any]) -> int:
    """Return how long the texts of a row are together."""
    found, left = 0, [row]
    while left:
        value: Any = left.pop()
        if isinstance(value, str | bytes):
            found += len(value)
        elif isinstance(value, dict):
            left += value.values()
        elif isinstance(value, list | tuple):
            left += value
    return found


def _check_schema(path: Path, file: ParquetFile, most_rows: int) -> None:
    names = file.schema_arrow.names
    if len(set(names)) < len(names):
        raise UserError(f"'{path}' has two columns of one name. Rename one.")
    if file.metadata.num_rows > most_rows:
        raise UserError(f"'{path}' holds more than {most_rows:,} rows, the most that are read. Take part of it.")
    groups = (file.metadata.row_group(index) for index in range(file.metadata.num_row_groups))
    if sum(group.total_byte_size for group in groups) > MOST_BYTES:
        raise _too_large(path)


def _too_large(path: Path) -> UserError:
    return UserError(
        f"'{path}' holds more than {MOST_BYTES // MIB} MiB once it is unpacked, the most that is read. "
        "Split it, or take part of it."
    )
