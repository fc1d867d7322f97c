"""JSON files that begin with the checksum of the rest, so that no changed bit of them is taken for what was written."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from dormouse.artifact_files import is_plain_file
from dormouse.errors import UserError

SEAL = re.compile(rb'\{\n "checksum": "([0-9a-f]{64})",\n')


def sealed(content: dict[str, Any]) -> str:
    """Return the text of a file that holds `content`, which must have a key."""
    rest = (json.dumps(content, indent=1) + "\n").removeprefix("{\n")
    return f'{{\n "checksum": "{hashlib.sha256(rest.encode()).hexdigest()}",\n{rest}'


def unsealed(data: bytes, first: str) -> dict[str, Any]:
    """Return what a sealed file holds; `ValueError` where it is not what was written.

    Files from before there were seals have no checksum and are taken as they are. They begin with the key `first`,
    as no sealed file does after a flipped bit.
    """
    seal = SEAL.match(data)
    if seal is None:
        if not data.startswith(f'{{\n "{first}": '.encode()):
            raise ValueError(f"it begins neither with a checksum nor with '{first}'")
        rest = data
    else:
        rest = data[seal.end() :]
        if hashlib.sha256(rest).hexdigest().encode() != seal[1]:
            raise ValueError("its checksum is another")
        rest = b"{\n" + rest
    content = json.loads(rest)
    if not isinstance(content, dict):
        raise ValueError("it holds no mapping")
    return content


def is_sealed(data: bytes) -> bool:
    """Return whether a file that `unsealed` accepted has a checksum."""
    return SEAL.match(data) is not None


def read_record(path: Path, first: str, remedy: str) -> dict[str, Any] | None:
    """Return what a sealed file holds, None where there is none; one that is damaged is a `UserError` with a remedy."""
    try:
        if not is_plain_file(path):
            raise UserError(f"'{path}' is no plain file. {remedy}")
        return unsealed(path.read_bytes(), first)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UserError(f"File '{path}' cannot be read ({error.strerror}). {remedy}") from error
    except ValueError as error:
        raise UserError(f"File '{path}' is damaged: it is not what was written. {remedy}") from error
