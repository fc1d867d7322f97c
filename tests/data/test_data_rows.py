import gzip
import json

import pyarrow
import pytest
from pyarrow import parquet

from dormouse.data.rows import read_rows
from dormouse.errors import UserError

ROWS = [{"a": 1}, {"a": "two\u2028lines"}, {"b": [3]}]


@pytest.mark.parametrize("name", ["x.jsonl", "x.jsonl.gz", "x.json", "x.json.gz", "x.parquet"])
def test_every_kind_of_file_gives_its_rows_with_their_places(tmp_path, name):
    path = tmp_path / name
    if name.endswith(".parquet"):
        parquet.write_table(pyarrow.Table.from_pylist([{"a": 1}, {"a": 2}]), path)
        assert [(row.number, row.values) for row in read_rows(path)] == [(1, {"a": 1}), (2, {"a": 2})]
        return
    text = json.dumps(ROWS) if ".json." in f"{name}." else "\n".join(json.dumps(row) for row in ROWS) + "\n\n"
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    assert [(row.number, row.values) for row in read_rows(path)] == list(enumerate(ROWS, start=1))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.jsonl", b"", r"x\.jsonl' is empty"),
        ("x.jsonl", b'{"a": 1}\n{"a"', r"x\.jsonl', line 2: malformed JSON"),
        ("x.jsonl", b'{"a": 1}\n[1]', r"x\.jsonl', line 2: no JSON object"),
        ("x.jsonl", b'{"a": 1}\n{"a": "\xff"}', r"x\.jsonl', line 2: not UTF-8"),
        ("x.jsonl", b"[" * 100_000, r"x\.jsonl', line 1: "),
        ("x.json", b'{"a": 1}', r"x\.json' holds no JSON list"),
        ("x.json", b'[{"a": 1},\n {]', r"x\.json', row 2: malformed JSON"),
        ("x.json", b'[{"a": 1}, 2]', r"x\.json', row 2: no JSON object"),
        ("x.jsonl.gz", b"not gzip", r"not a whole gzip file"),
        ("x.parquet", b"not parquet", r"no whole Parquet file"),
        ("x.csv", b"a,b", r"x\.csv' is not of a known kind. Give a file that ends in \.jsonl"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=said):
        read_rows(tmp_path / name)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"nowhere\.jsonl' cannot be read: No such file"):
        read_rows(tmp_path / "nowhere.jsonl")
