import gzip
import json
import time
import tracemalloc

import pyarrow
import pytest
from pyarrow import parquet

from dormouse.data.formats import rows
from dormouse.data.formats.rows import read_rows
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
        ("x.jsonl", b'{"a": 1}\n[1]', r"x\.jsonl', line 2: not a JSON object"),
        ("x.jsonl", b'{"a": 1}\n{"a": "\xff"}', r"x\.jsonl', line 2: not UTF-8"),
        ("x.jsonl", b"[" * 100_000, r"x\.jsonl', line 1: "),
        ("x.json", b'{"a": 1}', r"x\.json' is not a JSON list"),
        ("x.json", b'[{"a": 1},\n {]', r"x\.json', row 2: malformed JSON"),
        ("x.json", b'[{"a": 1}, 2]', r"x\.json', row 2: not a JSON object"),
        ("x.jsonl.gz", b"not gzip", r"not a complete gzip file"),
        ("x.parquet", b"not parquet", r"not a complete Parquet file"),
        (
            "x.jsonl",
            b'{"a": "\\ud83d"}',
            r"x\.jsonl', line 1: '\\ud83d' is half of a character\. Write the character whole",
        ),
        ("x.json", b'[{"\\udc00": 1}]', r"x\.json', row 1: '\\udc00' is half of a character"),
        ("x.jsonl", b'{"a": ' + b"9" * 5_000 + b"}", r"line 1: malformed JSON \(a number with too many digits\)"),
        ("x.jsonl", b'{"a": 1, "b": 2, "a": 3}', r"line 1: malformed JSON \(the key 'a' is repeated\)"),
        ("x.jsonl", b'{"a": 1}\r{"a": 2}', r"line 1: malformed JSON .* these end in CR alone: save the file with"),
        ("x.jsonl", b'{"a": "' + b"x" * (1 << 20) + b'"}', r"line 1: more than 1 MiB in one row, the most that is"),
        ("x.json", b'[{}, {"a": "' + b"x" * (1 << 20) + b'"}]', r"row 2: more than 1 MiB in one row, the most that"),
        ("x.json", b'[{}, {"a": "' + b"x" * (5 << 20) + b'"}]', r"row 2: more than 1 MiB in one row, the most that"),
        ("x.json", b"[" + b"[" * 100_000, r"row 1: JSON that is nested too deep"),
        ("x.json", b"[{} {}]", r"row 1: ',' or '\]' is missing after it"),
        ("x.json", b"[{},]", r"row 2: malformed JSON \(Expecting value at column 1\)"),
        ("x.json", b"[{}] 1", r"x\.json' continues after its list"),
        ("x.json", b"[{}", r"row 1: ',' or '\]' is missing after it"),
        ("x.json", b"[", r"row 1: malformed JSON"),
        ("x.jsonl", b"{}\n" * 300_001, r"has more than 300,000 lines, the most that are read\. Take part of it"),
        ("x.json", b"[" + b"{}," * 300_001, r"holds more than 300,000 rows, the most that are read\. Take part of it"),
        ("x.parquet", b"PAR1" + bytes(90) + b"PAR1", r"not a complete Parquet file: .*\. Download it again"),
        ("x.csv", b"a,b", r"x\.csv' is not of a known kind. Give a file that ends in \.jsonl"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=said):
        list(read_rows(tmp_path / name))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"nowhere\.jsonl' cannot be read: No such file"):
        list(read_rows(tmp_path / "nowhere.jsonl"))


def test_a_list_is_read_as_the_standard_library_reads_it(tmp_path):
    values = [{"a": ["\u2028", 0.1, None, True, {"b": "x" * size}]} for size in (0, 1, 900_000, 900_000, 900_000, 5)]
    for form in (json.dumps(values), json.dumps(values, indent=2), json.dumps(values, separators=(",", ":")) + "\r\n"):
        (tmp_path / "x.json").write_bytes(b"\xef\xbb\xbf" + form.encode())
        assert [row.values for row in read_rows(tmp_path / "x.json")] == values


def test_a_whole_character_may_be_written_as_two_escapes(tmp_path):
    (tmp_path / "x.jsonl").write_text('{"a": "\\ud83d\\ude00"}')
    assert next(read_rows(tmp_path / "x.jsonl")).values == {"a": "\U0001f600"}


def test_a_parquet_file_that_would_unpack_to_too_much_is_refused(tmp_path):
    path = tmp_path / "x.parquet"
    parquet.write_table(pyarrow.table({"a": pyarrow.array(["x" * 1_000_000] * 600).dictionary_encode()}), path)
    assert path.stat().st_size < 1 << 20
    with pytest.raises(UserError, match=r"x\.parquet' holds more than 256 MiB once it is unpacked"):
        list(read_rows(path))


def test_two_parquet_columns_of_one_name_are_refused(tmp_path):
    path = tmp_path / "x.parquet"
    parquet.write_table(pyarrow.Table.from_arrays([pyarrow.array([1]), pyarrow.array([2])], ["a", "a"]), path)
    with pytest.raises(UserError, match=r"x\.parquet' has two columns with the same name\. Rename one"):
        list(read_rows(path))


def test_an_error_lists_few_keys_of_a_row_of_many(tmp_path):
    (tmp_path / "x.jsonl").write_text(json.dumps({f"{i:03}{'k' * 99}": 1 for i in range(50)}))
    keys = next(read_rows(tmp_path / "x.jsonl")).keys
    assert keys.endswith(".., 38 more")
    assert len(keys) < 1_000


def test_a_key_that_is_twice_among_many_is_found_at_once(tmp_path):
    keys = [f"{i:x}" for i in range(90_000)]
    (tmp_path / "x.jsonl").write_text("{" + ", ".join(f'"{key}": 0' for key in [*keys, keys[-1]]) + "}")
    started = time.monotonic()
    with pytest.raises(UserError, match=r"line 1: malformed JSON \(the key '15f8f' is repeated\)"):
        list(read_rows(tmp_path / "x.jsonl"))
    assert time.monotonic() - started < 5


def test_no_row_is_kept_that_its_reader_lets_go_of(tmp_path):
    row = '{"a": [' + "[]," * 30_000 + "[]]}\n"
    (tmp_path / "x.jsonl").write_text(row * 30)
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_rows(tmp_path / "x.jsonl")) == 30
        # All rows at once would take 70 MB.
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()


def test_a_file_of_more_lists_than_can_be_read_in_time_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(rows, "MOST_BRACKETS", 5)
    (tmp_path / "x.jsonl").write_text('{"a": [[], [{}]]}\n')
    assert list(read_rows(tmp_path / "x.jsonl"))
    (tmp_path / "x.json").write_text('[{"a": [[], [{}]]}]')
    with pytest.raises(UserError, match=r"x\.json' holds more than 5 of '\[' and '\{'\. Take part of it\."):
        list(read_rows(tmp_path / "x.json"))
