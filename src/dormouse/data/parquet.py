"""Rows of a Parquet file, which may be damaged or say that it holds more than it could."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dormouse.data.content import MIB, MOST_BYTES
from dormouse.errors import UserError

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

AT_ONCE = 256
"""Rows that are unpacked at a time: a few bytes can stand for many copies of a long text."""


def read_values(path: Path, content: bytes, most_rows: int) -> Iterator[dict[str, Any]]:
    """Yield the rows as objects; `UserError` where the file is not whole, or has too many of them."""
    import pyarrow
    from pyarrow import parquet

    size = 0
    try:
        file = parquet.ParquetFile(pyarrow.BufferReader(content))
        _check_schema(path, file, most_rows)
        for batch in file.iter_batches(AT_ONCE, use_threads=False):
            size += batch.nbytes
            if size > MOST_BYTES:
                raise _too_large(path)
            yield from batch.to_pylist()
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError, KeyError, MemoryError) as error:
        # Not all that pyarrow raises about a damaged file is of its own kind; dates can be out of Python's range.
        first = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        raise UserError(f"'{path}' is no whole Parquet file: {first}. Download it again.") from error


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
