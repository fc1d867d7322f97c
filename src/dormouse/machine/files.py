"""Writes files that survive a crash (in one step, flushed to disk), and describes them by checksum and size."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import stat
from collections.abc import Collection, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from dormouse.errors import UserError

FULL = (errno.ENOSPC, errno.EDQUOT)
NO_WRITING = (errno.EROFS, errno.EACCES, errno.EPERM)
"""Error numbers for a read-only disk and for files of other users."""

FULL_TEXT = ("No space left on device", "Disk quota exceeded")
"""The text of the same errors in safetensors' own error type."""

WRITER_TEXT = ("inline_container.cc", "PytorchStreamWriter", "iostream error")
"""Text of the error that `torch.save` raises whenever a write fails. It gives no reason, so the free space is
checked."""

UNFINISHED = re.compile(r"\..+\.\d+")
"""Names of files that `replace_file` has not put in place yet."""

LITTLE = 2**20
"""Free bytes below which a failed write is blamed on a full disk."""


def sha256(path: Path) -> str:
    """Compute the SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_once(path: Path) -> str:
    """Compute the SHA-256 of a file, in hex. A file that did not change since is not read again."""
    status = path.stat()
    return _sha256_of(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=64)
def _sha256_of(path: Path, size: int, changed: int) -> str:
    return sha256(path)


def is_plain_file(path: Path) -> bool:
    """Return whether a path is a regular file: opening a pipe would wait, and a device may have no end."""
    return stat.S_ISREG(path.stat().st_mode)


def describe(folder: Path, leave_out: Collection[str] = ()) -> dict[str, dict[str, Any]]:
    """Map the relative path of every file below the folder to its checksum and size in bytes.

    `leave_out` names files and folders directly in the folder.
    """
    files = {path.relative_to(folder).as_posix(): path for path in _below(folder, leave_out) if path.is_file()}
    return {name: {"sha256": sha256(path), "bytes": path.stat().st_size} for name, path in sorted(files.items())}


def _below(folder: Path, leave_out: Collection[str]) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.relative_to(folder).parts[0] not in leave_out)


def replace_file(path: Path, text: str) -> None:
    """Write a file so that a reader sees the old or the new text, never half of it."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")  # matches UNFINISHED
    try:
        # The same bytes on every system, because the text may end in its own checksum.
        with partial.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    _sync(path.parent)


def remove_unfinished(folder: Path) -> None:
    """Remove files that `replace_file` left below a folder because its process was killed."""
    for path in folder.rglob(".*"):
        if UNFINISHED.fullmatch(path.name) and path.is_file():
            path.unlink()


def sync_tree(folder: Path, *, below: bool = True, leave_out: Collection[str] = ()) -> None:
    """Flush a folder to the disk, with everything below it: a rename must not arrive before the contents.

    `leave_out` is as for `describe`.
    """
    for path in _below(folder, leave_out) if below else ():
        _sync(path)
    _sync(folder)


def _sync(path: Path) -> None:
    if path.is_dir() and os.name == "nt":  # Windows cannot open folders.
        return
    # Windows flushes only files that are open for writing.
    descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_locked(path: Path) -> bool:
    """Return whether another process holds a lock file that this one can only read; False if it cannot even read it."""
    if os.name == "nt":
        return False
    import fcntl  # not on Windows

    try:
        descriptor = os.open(path, os.O_RDONLY)
    except PermissionError:
        return False
    try:
        # A shared lock, because on some file systems an exclusive one needs permission to write.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def disk_full_error(error: BaseException, root: Path) -> UserError | None:
    """Return the error to show if `error`, or an error that led to it, came from a full disk; else None."""
    links = _chain(error)
    full = any(isinstance(link, OSError) and link.errno in FULL for link in links) or _says(links, FULL_TEXT)
    if not full and not (_says(links, WRITER_TEXT) and shutil.disk_usage(root).free < LITTLE):
        return None
    return UserError(
        f"The disk is full (store '{root}'). Free some space and run the same command again; nothing finished is lost."
    )


def _says(links: list[BaseException], texts: tuple[str, ...]) -> bool:
    return any(text in str(link) for link in links for text in texts)


def _chain(error: BaseException) -> list[BaseException]:
    links: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in links:
        links.append(link)
        link = link.__cause__ or link.__context__
    return links
