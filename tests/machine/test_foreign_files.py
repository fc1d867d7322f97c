import json
import os
from pathlib import Path

import pytest

from dormouse.errors import UserError
from dormouse.machine.foreign_files import (
    check_file,
    check_inside,
    is_folder,
    is_there,
    parse_json,
    read_json,
    read_object,
    read_text,
    shown,
)

AGAIN = "Write it again."


def message(function, *arguments, **settings):
    with pytest.raises(UserError) as error:
        function(*arguments, **settings)
    return str(error.value)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "settings.json"
    path.write_text('{"a": [1, 2.5, null]}')
    return path


def test_a_file_of_settings_is_read(file):
    assert read_object(file, AGAIN) == {"a": [1, 2.5, None]}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ("", "is not JSON: Expecting value: line 1 column 1 (char 0)"),
        ("[" * 100_000, "is nested too deeply to be read"),
        ('{"a": ' * 100_000, "is nested too deeply to be read"),
        (f'{{"a": 1{"0" * 5000}}}', "cannot be read: it holds a number of more than 4300 digits"),
    ],
)
def test_a_text_that_is_not_json_is_said(file, text, said):
    file.write_text(text)
    assert message(read_json, file, AGAIN) == f"'{file}' {said}. {AGAIN}"


@pytest.mark.parametrize(
    ("text", "kind"),
    [("[1]", "a list"), ("7", "a number"), ("null", "null"), ('"a"', "a text"), ("true", "true or false")],
)
def test_what_is_no_object_is_said(file, text, kind):
    file.write_text(text)
    assert message(read_object, file, AGAIN) == f"'{file}' holds {kind}, not an object. {AGAIN}"


def test_a_name_that_stands_twice_is_refused_where_it_matters():
    text = '{"a": {"b": 1, "b": 2}}'
    assert parse_json(text, "It", AGAIN) == {"a": {"b": 2}}
    assert message(parse_json, text, "It", AGAIN, unique=True) == f"It cannot be read: it holds 'b' twice. {AGAIN}"


def test_a_text_in_another_encoding_is_said(file):
    file.write_bytes("{}".encode("utf-16"))
    assert message(read_text, file, AGAIN) == f"'{file}' is not UTF-8 text: invalid start byte at byte 0. {AGAIN}"


def test_a_file_beyond_a_limit_is_not_read(file):
    os.truncate(file, 1 << 40)
    assert (
        message(read_text, file, AGAIN, 100) == f"'{file}' is {1 << 40} bytes long, and at most 100 are read. {AGAIN}"
    )


def test_what_the_system_makes_up_is_read_up_to_the_limit():
    assert read_text(Path("/proc/self/status"), AGAIN)
    assert "bytes long, and at most 10 are read" in message(read_text, Path("/proc/self/status"), AGAIN, 10)


def test_what_is_no_file_is_named(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "lost").symlink_to("nowhere")
    assert message(check_file, tmp_path, AGAIN) == f"'{tmp_path}' is a folder, not a file. {AGAIN}"
    assert (
        message(check_file, tmp_path / "pipe", AGAIN) == f"'{tmp_path / 'pipe'}' is a named pipe, not a file. {AGAIN}"
    )
    assert message(check_file, Path("/dev/zero"), AGAIN) == f"'/dev/zero' is a device, not a file. {AGAIN}"
    loop = f"'{tmp_path / 'loop'}' cannot be read: Too many levels of symbolic links. {AGAIN}"
    assert message(check_file, tmp_path / "loop", AGAIN) == loop
    lost = f"'{tmp_path / 'lost'}' cannot be read: No such file or directory. {AGAIN}"
    assert message(check_file, tmp_path / "lost", AGAIN) == lost
    assert "cannot be read: File name too long" in message(check_file, tmp_path / ("a" * 300), AGAIN)
    assert "is not a path: embedded null byte" in message(check_file, Path("a\0b"), AGAIN)


def test_no_path_is_too_odd_to_be_looked_for(tmp_path):
    for odd in ("a" * 5000, "a\0b", "\ud800"):
        assert not is_folder(tmp_path / odd)
    (tmp_path / "lost").symlink_to("nowhere")
    assert is_there(tmp_path / "lost")


def test_a_link_may_not_lead_out_of_its_folder(tmp_path):
    home, other = tmp_path / "home", tmp_path / "other"
    home.mkdir()
    other.mkdir()
    (other / "a").touch()
    (home / "b").touch()
    (home / "a").symlink_to("../other/a")
    (home / "c").symlink_to("b")
    check_inside(home / "c", home, AGAIN)
    out = message(check_inside, home / "a", home, AGAIN)
    assert out == f"'{home / 'a'}' leads out of its folder, to '{other / 'a'}'. {AGAIN}"
    assert "leads out of its folder" in message(check_inside, home / ".." / "other" / "a", home, AGAIN)


def test_a_snapshot_of_the_hubs_cache_may_link_to_its_own_contents_and_those_that_are_shared(tmp_path):
    repository = tmp_path / "models--someone--small"
    snapshot = repository / "snapshots" / "0123"
    for folder in (
        snapshot / "m001",
        repository / "blobs",
        tmp_path / "blobs" / "ab",
        tmp_path / "models--other" / "blobs",
    ):
        folder.mkdir(parents=True)
    for target in ("../../blobs/x", "../../../blobs/ab/x"):
        (snapshot / target).touch()
        (snapshot / "config.json").unlink(missing_ok=True)
        (snapshot / "config.json").symlink_to(target)
        check_inside(snapshot / "config.json", snapshot, AGAIN)
    (snapshot / "m001" / "config.json").symlink_to("../../../blobs/x")
    check_inside(snapshot / "m001" / "config.json", snapshot / "m001", AGAIN)
    (tmp_path / "models--other" / "blobs" / "x").touch()
    (snapshot / "other.json").symlink_to("../../../models--other/blobs/x")
    assert "leads out of its folder" in message(check_inside, snapshot / "other.json", snapshot, AGAIN)


def test_what_a_file_says_is_shown_without_what_no_terminal_prints():
    assert shown("a\x1b[31m\ud800") == r"'a\x1b[31m\ud800'"
    assert shown("a" * 100) == f"'{'a' * 56}..."
    assert shown(["a"]) == "a list"
    assert (shown(None), shown(True), shown(1.5)) == ("null", "true", "1.5")
    assert json.loads(shown(7)) == 7
