import errno
import os

import pytest

from dormouse.machine import files as artifact_files
from dormouse.machine.files import (
    describe,
    disk_full_error,
    replace_file,
    sha256,
    sync_tree,
)

KNOWN = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
"""SHA-256 of "hello"."""


def caused(error, cause):
    error.__cause__ = cause
    return error


def during(error, context):
    error.__context__ = context
    return error


FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_files_are_described_by_relative_path_checksum_and_size(tmp_path):
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "a").write_text("hello")
    (tmp_path / "b").write_text("")
    described = describe(tmp_path, leave_out={"b"})
    assert described == {"below/a": {"sha256": KNOWN, "bytes": 5}}
    assert sha256(tmp_path / "below" / "a") == KNOWN
    sync_tree(tmp_path)


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "file"
    replace_file(path, "old")

    def fail(descriptor):
        raise FULL

    with monkeypatch.context() as patched:
        patched.setattr(artifact_files.os, "fsync", fail)
        with pytest.raises(OSError, match="No space left"):
            replace_file(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "error",
    [
        FULL,
        OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)),
        caused(RuntimeError("could not save"), FULL),
        during(KeyError("lost"), during(RuntimeError("could not save"), FULL)),
        RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"),
    ],
    ids=["no space", "quota", "cause", "context", "safetensors"],
)
def test_a_full_disk_is_recognized_behind_other_errors(tmp_path, error):
    assert str(disk_full_error(error, tmp_path)) == (
        f"The disk is full (store '{tmp_path}'). Free some space and run the same command again; "
        "nothing finished is lost."
    )


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has a disk that is always full")  # noqa: PTH110
def test_a_disk_that_is_really_full_is_recognized(tmp_path):
    with pytest.raises(OSError, match="No space left") as error, open("/dev/full", "w") as file:  # noqa: PTH123
        file.write("x" * 100_000)
    assert disk_full_error(error.value, tmp_path)


def test_other_errors_are_not_laid_to_the_disk(tmp_path):
    assert disk_full_error(ValueError("no"), tmp_path) is None
    assert disk_full_error(OSError(errno.ENOENT, "gone"), tmp_path) is None


def test_a_failed_write_of_torch_is_the_disks_only_where_it_has_no_room(tmp_path, monkeypatch):
    error = RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 576 vs 534")
    assert disk_full_error(error, tmp_path) is None
    nearly_full = artifact_files.shutil.disk_usage(tmp_path)._replace(free=4096)
    monkeypatch.setattr(artifact_files.shutil, "disk_usage", lambda path: nearly_full)
    assert disk_full_error(error, tmp_path)
