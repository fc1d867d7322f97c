"""Files that survive a crash: written in one step, flushed to the disk, described by checksum and size."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import stat
from collections.abc import Collection
from pathlib import Path
from typing import Any

from dormouse.errors import UserError

FULL = (errno.ENOSPC, errno.EDQUOT)
NO_WRITING = (errno.EROFS, errno.EACCES, errno.EPERM)
"""What the system says of a disk that is mounted read-only, and of files of other users."""

FULL_TEXT = ("No space left on device", "Disk quota exceeded")
"""What safetensors says, in an error of its own."""

WRITER_TEXT = ("inline_container.cc", "PytorchStreamWriter", "iostream error")
"""What `torch.save` says whenever a write fails: the reason is lost, so the disk is asked."""

UNFINISHED = re.compile(r"\..+\.\d+")
"""The names of files that `replace_file` has not put in place yet."""

LITTLE = 2**20
"""Bytes free under which a failed write is laid to the disk."""


def sha256(path: Path) -> str:
    """Return the checksum of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_plain_file(path: Path) -> bool:
    """Return whether there is a file to read: opening a pipe would wait, and a device may have no end."""
    return stat.S_ISREG(path.stat().st_mode)


def describe(folder: Path, leave_out: Collection[str] = ()) -> dict[str, dict[str, Any]]:
    """Return relative path -> checksum and size in bytes, for every file below the folder."""
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {
        name: {"sha256": sha256(path), "bytes": path.stat().st_size}
        for name, path in sorted(files.items())
        if name not in leave_out
    }


def replace_file(path: Path, text: str) -> None:
    """Write a file so that a reader sees the old or the new text, never half of it."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")  # as UNFINISHED says
    try:
        # The same bytes on every system: what is written may end in its checksum.
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
    """Remove what `replace_file` left below a folder when its process was killed in the middle of it."""
    for path in folder.rglob(".*"):
        if UNFINISHED.fullmatch(path.name) and path.is_file():
            path.unlink()


def sync_tree(folder: Path, *, below: bool = True) -> None:
    """Flush a folder to the disk, with everything below it: a rename must not arrive before the contents."""
    for path in folder.rglob("*") if below else ():
        _sync(path)
    _sync(folder)


def _sync(path: Path) -> None:
    if path.is_dir() and os.name == "nt":  # Windows opens no folders.
        return
    # Windows flushes only what is open for writing.
    descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_locked(path: Path) -> bool:
    """Return whether a process holds a lock file that this one may only read; False where it may not even ask."""
    if os.name == "nt":
        return False
    import fcntl  # not on Windows

    try:
        descriptor = os.open(path, os.O_RDONLY)
    except PermissionError:
        return False
    try:
        # Shared: to lock it for itself alone, a process must be able to write on some file systems.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def disk_full_error(error: BaseException, root: Path) -> UserError | None:
    """Return what to tell the user when `error`, or anything that led to it, came from a full disk."""
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
