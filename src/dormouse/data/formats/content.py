"""Opens a data file: its bytes or text, unzipped, and never more of them than a file may hold.

Every reader of a file that a user names goes through here, so that a pipe, a device or a bomb is refused by its name.
"""

from __future__ import annotations

import errno
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path

from dormouse.errors import UserError

MIB = 1 << 20
MOST_BYTES = 256 * MIB
"""Of a file, packed and unpacked: all files of hh-rlhf together take 300 MiB."""
MOST_MEMBERS = 1_000_000
"""Of a gzip file, which may be several one after the other: an empty one takes 20 bytes, and time like any other."""
GZIP = b"\x1f\x8b"
MARK = b"\xef\xbb\xbf"
"""What some editors write in front of UTF-8 text."""
FED = 1 << 14
"""Bytes that are unzipped at a time: what follows the end of a member is copied."""
_ADVICE = {
    errno.EACCES: "Give a file that you may read.",
    errno.EPERM: "Give a file that you may read.",
    errno.EISDIR: "Give a file and no folder.",
}


def read_bytes(path: Path, most: int = MOST_BYTES) -> bytes:
    """Return a file's bytes; `UserError` where it cannot be read, is a pipe or a device, or holds more than `most`."""
    try:
        path = path.expanduser()
        status = path.stat()
        # Opening a pipe would wait for whoever writes to it; opening a folder says what it is.
        if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
            raise UserError(f"'{path}' is no file but a pipe or a device. Save what it gives as a file, and give that.")
        if status.st_size > most:
            raise _too_large(path, most)
        with path.open("rb") as file:
            content = file.read(status.st_size + 1)
    except OSError as error:
        advice = _ADVICE.get(error.errno or 0, "Give the path of a file that exists.")
        raise UserError(f"'{path}' cannot be read: {error.strerror}. {advice}") from error
    except (ValueError, RuntimeError) as error:
        # A NUL character in the name, or the '~name' of nobody.
        raise UserError(f"{str(path)!r} is no path: {error}. Give the path of a file that exists.") from error
    if len(content) > status.st_size:
        raise UserError(f"'{path}' grew while it was read. Give a file that nothing writes to.")
    return content


def unpack(path: Path, content: bytes, most: int = MOST_BYTES) -> bytes:
    """Return what is in a gzip file, which the name says it is, else the bytes; `UserError` over `most` of them."""
    if path.suffix != ".gz":
        if content.startswith(GZIP):
            raise UserError(f"'{path}' is gzipped, which its name does not say. End its name in '{path.suffix}.gz'.")
        return content
    pieces, size = [], 0
    try:
        for piece in _unzipped(content):
            size += len(piece)
            if size > most:
                raise _too_large(path, most)
            pieces.append(piece)
    except zlib.error as error:
        advice = "Download it again." if content.startswith(GZIP) else "Take '.gz' off its name, or download it again."
        raise UserError(f"'{path}' is not a whole gzip file: {error}. {advice}") from error
    whole = b"".join(pieces)
    if whole.startswith(GZIP):
        raise UserError(f"'{path}' is gzipped twice. Unzip it once.")
    return whole


def read_text(path: Path, most: int = MOST_BYTES) -> str:
    """Return a file's text, unzipped where its name ends in .gz; `UserError` where it holds none."""
    return decode(path, unpack(path, read_bytes(path, most), most))


def decode(path: Path, content: bytes) -> str:
    """Return bytes as text; `UserError` where they are none."""
    try:
        # The mark that some editors write at the beginning is no text.
        return content.removeprefix(MARK).decode()
    except UnicodeDecodeError as error:
        raise not_utf8(path, content[: error.start].count(b"\n") + 1) from error


def not_utf8(path: Path, number: int) -> UserError:
    """Return an error that names the line."""
    return UserError(f"'{path}', line {number}: not UTF-8 text. Save the file as UTF-8.")


def place(path: Path, number: int) -> str:
    """Return how an error names a line of JSON lines, or a row of another file."""
    return f"'{path}', {'line' if path.name.endswith(('.jsonl', '.jsonl.gz')) else 'row'} {number}"


def _unzipped(content: bytes) -> Iterator[bytes]:
    """Yield what a gzip file holds, a MiB at most at a time; `zlib.error` where it is not whole."""
    member, members = _member(), 1
    for start in range(0, len(content), FED):
        fed, more = content[start : start + FED], True
        while more:
            if member.eof:
                # Zeros may fill up the block that a file ends in.
                fed = fed.lstrip(b"\0")
                if not fed:
                    break
                member, members = _member(), members + 1
                if members > MOST_MEMBERS:
                    raise zlib.error(f"it is made of more than {MOST_MEMBERS:,}")
            piece = member.decompress(fed, MIB)
            yield piece
            fed = member.unused_data if member.eof else member.unconsumed_tail
            more = bool(fed) or (len(piece) == MIB and not member.eof)
    if content and not member.eof:
        raise zlib.error("it ends too early")


def _member() -> zlib._Decompress:
    return zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)


def _too_large(path: Path, most: int) -> UserError:
    return UserError(
        f"'{path}' holds more than {most // MIB} MiB, the most that is read. Split it, or take part of it."
    )
