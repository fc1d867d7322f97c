import gzip
import os
import re
import tracemalloc

import pytest

from dormouse.data.formats import content
from dormouse.data.formats.content import read_bytes, read_text, unpack
from dormouse.errors import UserError

TEXT = b"one\ntwo\n" * 5_000


def said(call, *given):
    with pytest.raises(UserError) as error:
        call(*given)
    return str(error.value)


@pytest.mark.parametrize(
    "packed",
    [
        gzip.compress(TEXT),
        gzip.compress(TEXT[:30_000]) + gzip.compress(TEXT[30_000:]),
        gzip.compress(TEXT) + bytes(600),
        gzip.compress(TEXT[:1]) + bytes(3) + gzip.compress(TEXT[1:]),
    ],
)
def test_gzip_files_give_what_the_standard_library_reads_from_them(tmp_path, packed):
    path = tmp_path / "x.gz"
    path.write_bytes(packed)
    assert read_text(path).encode() == gzip.decompress(packed) == TEXT


@pytest.mark.parametrize(
    ("packed", "told"),
    [
        (TEXT, "is not a complete gzip file: .*incorrect header check. Take '.gz' off its name, or download it again."),
        (gzip.compress(TEXT)[:-9], "is not a complete gzip file: it ends too early. Download it again."),
        (
            gzip.compress(TEXT)[:-8] + bytes(8),
            "is not a complete gzip file: .*incorrect data check. Download it again.",
        ),
        (gzip.compress(TEXT) + b"junk", "is not a complete gzip file: .*incorrect header check. Download it again."),
        (gzip.compress(gzip.compress(TEXT)), "is gzipped twice. Unzip it once."),
    ],
    ids=["no gzip", "cut short", "wrong checksum", "junk behind it", "gzipped twice"],
)
def test_what_is_no_whole_gzip_file_says_so(tmp_path, packed, told):
    assert re.fullmatch(f"'{tmp_path / 'x.gz'}' {told}", said(unpack, tmp_path / "x.gz", packed))


def test_gzip_without_its_ending_is_told_the_name_it_needs(tmp_path):
    path = tmp_path / "x.jsonl"
    assert said(unpack, path, gzip.compress(TEXT)) == (
        f"'{path}' is gzipped, but its name does not end in .gz. Rename it to end in '.jsonl.gz'."
    )


def test_a_bomb_is_never_held_whole(tmp_path):
    bomb = gzip.compress(bytes(1 << 24)) * 4
    tracemalloc.start()
    try:
        assert said(unpack, tmp_path / "x.gz", bomb, 4 << 20) == (
            f"'{tmp_path / 'x.gz'}' holds more than 4 MiB, the most that is read. Split it, or take part of it."
        )
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_a_bomb_of_empty_members_stops(tmp_path, monkeypatch):
    monkeypatch.setattr(content, "MOST_MEMBERS", 3)
    assert "it has more than 3 members" in said(unpack, tmp_path / "x.gz", gzip.compress(b"") * 5)


def test_a_file_may_be_as_large_as_the_limit_and_no_larger(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(bytes(1 << 20))
    assert len(read_bytes(path, 1 << 20)) == 1 << 20
    path.write_bytes(bytes((1 << 20) + 1))
    assert said(read_bytes, path, 1 << 20) == (
        f"'{path}' holds more than 1 MiB, the most that is read. Split it, or take part of it."
    )


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_a_pipe_or_a_device_is_refused_unread(tmp_path, make):
    path = tmp_path / "x.jsonl"
    make(path)
    assert said(read_bytes, path) == (
        f"'{path}' is a pipe or a device, not a file. Save its output to a file and give that."
    )


@pytest.mark.skipif(os.name == "nt", reason="Windows says it otherwise")
def test_a_name_without_a_file_says_why(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    assert said(read_bytes, tmp_path) == f"'{tmp_path}' cannot be read: Is a directory. Give a file, not a folder."
    for name, why in (("none", "No such file or directory"), ("loop", "Too many levels of symbolic links")):
        path = tmp_path / name
        assert said(read_bytes, path) == f"'{path}' cannot be read: {why}. Give the path of a file that exists."
    assert "File name too long" in said(read_bytes, tmp_path / ("n" * 300))
    assert said(read_bytes, tmp_path / "a\0b").endswith(
        "a\\x00b' is not a path: embedded null byte. Give the path of a file that exists."
    )


def test_text_that_is_not_utf8_names_its_line_and_a_mark_is_no_text(tmp_path):
    path = tmp_path / "x.txt"
    path.write_bytes(b"\xef\xbb\xbfone")
    assert read_text(path) == "one"
    path.write_bytes(b"one\ntwo\xe9\n")
    assert said(read_text, path) == f"'{path}', line 2: not UTF-8 text. Save the file as UTF-8."
