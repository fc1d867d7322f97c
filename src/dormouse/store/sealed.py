"""Files that begin with the checksum of the rest, so that no changed bit of them is taken for what was written.

Those from before there were checksums are taken as they are. They are known by how they begin, which is not how a file
with a checksum begins after one flipped bit.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from dormouse.errors import UserError
from dormouse.machine.files import is_plain_file

T = TypeVar("T")

SEAL = re.compile(rb'\{\n "checksum": "([0-9a-f]{64})",\n')
TEXT_SEAL = re.compile(rb"# checksum: ([0-9a-f]{64})\n")


def sealed(content: dict[str, Any]) -> str:
    """Return the text of a JSON file that holds `content`, which must have a key."""
    rest = (json.dumps(content, indent=1) + "\n").removeprefix("{\n")
    return f'{{\n "checksum": "{_checksum(rest.encode())}",\n{rest}'


def unsealed(data: bytes, first: str) -> dict[str, Any]:
    """Return what a sealed JSON file holds; `ValueError` where it is not what was written.

    `first` is the key that one without a checksum begins with.
    """
    rest = _without(SEAL, data, f'{{\n "{first}": ')
    content = json.loads(rest if rest is data else b"{\n" + rest)
    if not isinstance(content, dict):
        raise ValueError("it holds no mapping")
    return content


def is_sealed(data: bytes) -> bool:
    """Return whether a JSON file that `unsealed` accepted has a checksum."""
    return SEAL.match(data) is not None


def sealed_text(text: str) -> str:
    """Return the text with its checksum in a comment before it."""
    return f"# checksum: {_checksum(text.encode())}\n{text}"


def unsealed_text(data: bytes, first: str) -> str:
    """Return the text without its checksum; `ValueError` where it is not what was written.

    `first` is what a text without a checksum begins with.
    """
    return _without(TEXT_SEAL, data, first).decode()


def _without(seal: re.Pattern[bytes], data: bytes, first: str) -> bytes:
    found = seal.match(data)
    if found is None:
        if not data.startswith(first.encode()):
            raise ValueError("it begins with no checksum")
        return data
    rest = data[found.end() :]
    if _checksum(rest).encode() != found[1]:
        raise ValueError("its checksum is another")
    return rest


def _checksum(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def read_record(path: Path, first: str, remedy: str) -> dict[str, Any] | None:
    """Return what a sealed JSON file holds, None where there is none; `UserError` with a remedy if it is damaged."""
    return _read(path, lambda data: unsealed(data, first), remedy)


def read_text(path: Path, first: str, remedy: str) -> str | None:
    """Return what a sealed text file holds, None where there is none; `UserError` with a remedy if it is damaged."""
    return _read(path, lambda data: unsealed_text(data, first), remedy)


def _read(path: Path, opened: Callable[[bytes], T], remedy: str) -> T | None:
    try:
        if not is_plain_file(path):
            raise UserError(f"'{path}' is no plain file. {remedy}")
        return opened(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UserError(f"File '{path}' cannot be read ({error.strerror}). {remedy}") from error
    except ValueError as error:
        raise UserError(f"File '{path}' is damaged: it is not what was written. {remedy}") from error
