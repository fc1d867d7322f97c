"""Reads the bytes or text of a data file, unzipped, up to a size limit.

Every data file that a user names is read here, so that pipes, devices and zip bombs are refused with a clear error.
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
"""Largest size of a file, packed and unpacked: all files of hh-rlhf together take 300 MiB."""
MOST_MEMBERS = 1_000_000
"""Most members of a gzip file, which may be several joined together: an empty member takes only 20 bytes, but as much
time as any other."""
GZIP = b"\x1f\x8b"
MARK = b"\xef\xbb\xbf"
"""The byte order mark, which some editors write in front of UTF-8 text."""
FED = 1 << 14
"""Bytes that are unzipped at a time. Kept small, because bytes after the end of a member are copied."""
_ADVICE = {
    errno.EACCES: "Give a file that you may read.",
    errno.EPERM: "Give a file that you may read.",
    errno.EISDIR: "Give a file, not a folder.",
}


def read_bytes(path: Path, most: int = MOST_BYTES) -> bytes:
    """Read the bytes of a file. `UserError` if it cannot be read, is a pipe or device, or is larger than `most`."""
    try:
        path = path.expanduser()
        status = path.stat()
        # Opening a pipe would block until something writes to it. Opening a folder gives a clear error by itself.
        if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
            raise UserError(f"'{path}' is a pipe or a device, not a file. Save its output to a file and give that.")
        if status.st_size > most:
            raise _too_large(path, most)
        with path.open("rb") as file:
            content = file.read(status.st_size + 1)
    except OSError as error:
        advice = _ADVICE.get(error.errno or 0, "Give the path of a file that exists.")
        raise UserError(f"'{path}' cannot be read: {error.strerror}. {advice}") from error
    except (ValueError, RuntimeError) as error:
        # A NUL character in the name, or '~name' of an unknown user.
        raise UserError(f"{str(path)!r} is not a path: {error}. Give the path of a file that exists.") from error
    if len(content) > status.st_size:
        raise UserError(f"'{path}' grew while it was read. Give a file that nothing writes to.")
    return content


def unpack(path: Path, content: bytes, most: int = MOST_BYTES) -> bytes:
    """Unzip the content if the file name ends in .gz, else return it. `UserError` if it is larger than `most`."""
    if path.suffix != ".gz":
        if content.startswith(GZIP):
            raise UserError(
                f"'{path}' is gzipped, but its name does not end in .gz. Rename it to end in '{path.suffix}.gz'."
            )
        return content
    pieces, size = [], 0
    try:
        for piece in _unzipped(content):
            size += len(piece)
            if size > most:
                raise _too_large(path, most)
            pieces.append(piece)
        whole = b"".join(pieces)
    except zlib.error as error:
        advice = "Download it again." if content.startswith(GZIP) else "Take '.gz' off its name, or download it again."
        raise UserError(f"'{path}' is not a complete gzip file: {error}. {advice}") from error
    except MemoryError as error:
        raise UserError(f"'{path}' takes more memory than there is. Split it, or take part of it.") from error
    if whole.startswith(GZIP):
        raise UserError(f"'{path}' is gzipped twice. Unzip it once.")
    return whole


def read_text(path: Path, most: int = MOST_BYTES) -> str:
    """Read the text of a file, unzipped if its name ends in .gz. `UserError` if it is not text."""
    return decode(path, unpack(path, read_bytes(path, most), most))


def decode(path: Path, content: bytes) -> str:
    """Decode UTF-8. `UserError` if the bytes are not UTF-8."""
    try:
        # The byte order mark is not part of the text.
        return content.removeprefix(MARK).decode()
    except UnicodeDecodeError as error:
        raise not_utf8(path, content[: error.start].count(b"\n") + 1) from error


def not_utf8(path: Path, number: int) -> UserError:
    """Make an error that names the line."""
    return UserError(f"'{path}', line {number}: not UTF-8 text. Save the file as UTF-8.")


def place(path: Path, number: int) -> str:
    """Name a line of a JSON lines file, or a row of any other file, for an error."""
    return f"'{path}', {'line' if path.name.endswith(('.jsonl', '.jsonl.gz')) else 'row'} {number}"


def _unzipped(content: bytes) -> Iterator[bytes]:
    """Unzip in pieces of at most 1 MiB. `zlib.error` if the file is not complete."""
    member, members = _member(), 1
    for start in range(0, len(content), FED):
        fed, more = content[start : start + FED], True
        while more:
            if member.eof:
                # The last block may be padded with zeros.
                fed = fed.lstrip(b"\0")
                if not fed:
                    break
                member, members = _member(), members + 1
                if members > MOST_MEMBERS:
                    raise zlib.error(f"it has more than {MOST_MEMBERS:,} members")
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
