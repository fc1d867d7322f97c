import datetime
import random

import numpy
import pyarrow
import pytest
from pyarrow import parquet

from dormouse.data.formats.rows import read_rows
from dormouse.errors import UserError

LONG = "y" * 1_000_000


@pytest.fixture
def save(tmp_path):
    """Write a table, by default without Arrow's own notes on its types, as other programs write it."""

    def save(table, *, store_schema=False, **settings):
        path = tmp_path / "x.parquet"
        parquet.write_table(table, path, store_schema=store_schema, **settings)
        return path

    return save


def last_list(values):
    """Return a column of 60 lists, all empty but the last."""
    return pyarrow.ListArray.from_arrays(pyarrow.array([0] * 60 + [len(values)], pyarrow.int32()), values)


def copies(n, text=LONG):
    return pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * n, pyarrow.int32()), pyarrow.array([text]))


@pytest.mark.parametrize("store_schema", [True, False])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"row_group_size": 7},
        {"use_dictionary": False},
        {"dictionary_pagesize_limit": 500, "data_page_size": 2000},
        {"compression": "zstd"},
    ],
)
def test_rows_are_what_was_written(save, store_schema, settings):
    rng = random.Random(0)
    rows = [
        {
            "text": rng.choice(["a", "b" * 900, "\u2028 \U0001f600", "", None]),
            "turns": [{"role": "user", "content": f"q{rng.random()}"}] * rng.randrange(3),
            "number": rng.choice([1, 2**40, None]),
            "share": rng.random(),
            "said": rng.choice([True, False]),
            "when": datetime.datetime(2024, 1, 1, 0, 0, rng.randrange(60)),
            "words": rng.choice([None, [], ["x", None, "y"]]),
        }
        for _ in range(600)
    ]
    path = save(pyarrow.Table.from_pylist(rows), store_schema=store_schema, **settings)
    assert [row.values for row in read_rows(path)] == rows


@pytest.mark.parametrize("store_schema", [True, False])
@pytest.mark.parametrize(
    ("column", "said"),
    [
        (lambda: last_list(copies(1_000_000)), "row 60: more than 1 MiB in one row"),
        (lambda: last_list(copies(60_000, "y" * 100)), "row 60: more than 1 MiB in one row"),
        (lambda: last_list(pyarrow.array(numpy.zeros(40_000_000, "int8"))), "holds more than 256 MiB once it is unp"),
        (lambda: copies(60, LONG * 2), "row 1: more than 1 MiB in one row"),
    ],
)
def test_a_few_bytes_that_stand_for_many_are_counted_before_they_are_read(save, column, said, store_schema):
    path = save(pyarrow.table({"a": column()}), store_schema=store_schema)
    assert path.stat().st_size < 200_000
    before = pyarrow.total_allocated_bytes()
    with pytest.raises(UserError, match=said):
        list(read_rows(path))
    assert pyarrow.total_allocated_bytes() - before < 50e6


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (lambda: pyarrow.array([2**62], pyarrow.timestamp("us")), "date value out of range"),
        (lambda: pyarrow.array([b"\xff"], pyarrow.binary()).view(pyarrow.string()), "codec can't decode byte 0xff"),
    ],
)
def test_values_that_python_does_not_have_are_a_user_error(save, column, said):
    with pytest.raises(
        UserError, match=rf"x\.parquet' is not a complete Parquet file: .*{said}.*\. Download it again\."
    ):
        list(read_rows(save(pyarrow.table({"a": column()}))))
