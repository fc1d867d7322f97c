"""Reads the rows of a Parquet file, which may be damaged, or small on disk but too large in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow
from pyarrow import Array, RecordBatch, compute, types
from pyarrow.parquet import FileMetaData, ParquetFile

from dormouse.data.formats.content import MIB, MOST_BYTES, place
from dormouse.data.formats.json_text import MOST_OF_A_ROW, too_long
from dormouse.errors import UserError

AT_ONCE = 256
"""Rows that are decoded at a time."""
OF_A_VALUE = 8
"""Least bytes of a value in memory: in the file a repeated value takes almost none."""
TEXT = "BYTE_ARRAY"


def read_values(path: Path, content: bytes, most_rows: int) -> Iterator[dict[str, Any]]:
    """Yield the rows as objects. `UserError` if the file is damaged or too large."""
    size = number = 0
    try:
        for batch in _batches(_opened(path, content, most_rows)):
            size += _checked_size(path, batch, number)
            if size > MOST_BYTES:
                raise _too_large(path)
            number += batch.num_rows
            yield from batch.to_pylist()
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError, KeyError, MemoryError) as error:
        # For a damaged file pyarrow also raises built-in errors; dates can be out of Python's range.
        first = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        raise UserError(f"'{path}' is not a complete Parquet file: {first}. Download it again.") from error


def _batches(file: ParquetFile) -> Iterator[RecordBatch]:
    # One row group at a time: Arrow cannot join the nested dictionaries of two groups.
    for group in range(file.num_row_groups):
        yield from file.iter_batches(AT_ONCE, row_groups=[group], use_threads=False)


def _opened(path: Path, content: bytes, most_rows: int) -> ParquetFile:
    metadata = ParquetFile(pyarrow.BufferReader(content)).metadata
    _check_footer(path, metadata, most_rows)
    leaves = [metadata.schema.column(index) for index in range(metadata.num_columns)]
    # Read texts as dictionaries, which store a repeated text once: its size is checked before copies are made.
    texts = [leaf.path for leaf in leaves if leaf.physical_type == TEXT]
    file = ParquetFile(pyarrow.BufferReader(content), read_dictionary=texts)
    names = file.schema_arrow.names
    if len(set(names)) < len(names):
        raise UserError(f"'{path}' has two columns with the same name. Rename one.")
    return file


def _check_footer(path: Path, metadata: FileMetaData, most_rows: int) -> None:
    """Raise `UserError` if the sizes in the file's footer are too large."""
    if metadata.num_rows > most_rows:
        raise UserError(f"'{path}' holds more than {most_rows:,} rows, the most that are read. Take part of it.")
    groups = (metadata.row_group(index) for index in range(metadata.num_row_groups))
    chunks = (group.column(index) for group in groups for index in range(group.num_columns))
    size = 0
    for chunk in chunks:
        size += max(chunk.total_uncompressed_size, OF_A_VALUE * chunk.num_values)
        if size > MOST_BYTES:
            raise _too_large(path)


def _checked_size(path: Path, batch: RecordBatch, before: int) -> int:
    """Count the bytes of a batch, every copy of a text included. `UserError` names a row that is too large."""
    size = _size(batch.to_struct_array())
    if size > MOST_OF_A_ROW:
        for index in range(batch.num_rows):
            if _size(batch.slice(index, 1).to_struct_array()) > MOST_OF_A_ROW:
                raise too_long(place(path, before + index + 1))
    return size


def _size(array: Array) -> int:
    if types.is_dictionary(array.type):
        lengths = compute.binary_length(array.dictionary).take(array.indices)
        return OF_A_VALUE * len(array) + int(compute.sum(lengths).as_py() or 0)
    if types.is_struct(array.type):
        return sum(_size(field) for field in array.flatten())
    if types.is_list(array.type) or types.is_large_list(array.type) or types.is_map(array.type):
        return OF_A_VALUE * len(array) + _size(array.flatten())
    return max(int(array.nbytes), OF_A_VALUE * len(array))


def _too_large(path: Path) -> UserError:
    return UserError(
        f"'{path}' holds more than {MOST_BYTES // MIB} MiB once it is unpacked, the most that is read. "
        "Split it, or take part of it."
    )
