"""Reads files that someone else made: only regular files, up to a size limit, inside their folder."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dormouse.errors import UserError

SETTINGS = 16 << 20
"""Largest settings file that is read, in bytes."""
TABLE = 64 << 20
"""Largest vocabulary or index that is read, in bytes: twice the longest vocabulary in use."""

DIGITS = sys.get_int_max_str_digits()

KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def status(path: Path) -> os.stat_result | None:
    """Return the status of a path, following links; None if nothing is there, or it cannot be looked at."""
    try:
        return path.stat()
    except (OSError, ValueError):  # ValueError: the name holds a zero byte.
        return None


def is_folder(path: Path) -> bool:
    """Return whether a path is a folder; False for a path that no system allows."""
    found = status(path)
    return found is not None and stat.S_ISDIR(found.st_mode)


def is_there(path: Path) -> bool:
    """Return whether anything is at a path, even a broken link."""
    return os.path.lexists(path)


def check_file(path: Path, advice: str) -> os.stat_result:
    """Return the status of a regular file; `UserError` if the path is not one."""
    with _explained(path, advice):
        found = path.stat()
    kind = KINDS.get(stat.S_IFMT(found.st_mode))
    if kind is not None:
        raise UserError(f"'{path}' is {kind}, not a file. {advice}")
    return found


def check_inside(path: Path, folder: Path, advice: str) -> None:
    """Raise `UserError` if a path leads out of a folder. Links of the hub's cache to its own blobs are allowed."""
    home = Path(os.path.realpath(folder))
    to = Path(os.path.realpath(path))
    if not to.is_relative_to(home) and not any(to.is_relative_to(blobs) for blobs in _blobs(home)):
        raise UserError(f"'{path}' leads out of its folder, to '{to}'. {advice}")


def _blobs(folder: Path) -> list[Path]:
    """Return the folders that a snapshot in the hub's cache links to: its repository's blobs, and shared ones."""
    for snapshots in folder.parents:
        repository = snapshots.parent
        if snapshots.name == "snapshots" and repository.name.startswith(("models--", "datasets--")):
            return [repository / "blobs", repository.parent / "blobs"]
    return []


def read_text(path: Path, advice: str, most: int = SETTINGS) -> str:
    """Return the text of a file; `UserError` if it is not a file, not UTF-8, or longer than `most` bytes."""
    length = check_file(path, advice).st_size
    with _explained(path, advice), path.open("rb") as file:
        # Files that the system generates on reading report no length.
        content = file.read(most + 1)
    if len(content) > most:
        raise UserError(f"'{path}' is {max(length, len(content))} bytes long, and at most {most} are read. {advice}")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"'{path}' is not UTF-8 text: {error.reason} at byte {error.start}. {advice}") from error


def read_json(path: Path, advice: str, most: int = SETTINGS) -> Any:
    """Return the content of a JSON file; `UserError` if it is not JSON, or its numbers or nesting are too long."""
    return parse_json(read_text(path, advice, most), f"'{path}'", advice)


def read_object(path: Path, advice: str, most: int = SETTINGS) -> dict[str, Any]:
    """Return the object in a JSON file; `UserError` if it holds anything else."""
    content = read_json(path, advice, most)
    if not isinstance(content, dict):
        raise UserError(f"'{path}' holds {describe_type(content)}, not an object. {advice}")
    return content


def parse_json(text: str, what: str, advice: str, *, unique: bool = False) -> Any:
    """Parse JSON text; `UserError` if it is not JSON. `what` begins the sentence: the file, in quotes.

    With `unique`, no name may occur twice in an object: readers disagree on which of the two counts.
    """
    try:
        return json.loads(text, object_pairs_hook=_unique if unique else None)
    except json.JSONDecodeError as error:
        raise UserError(f"{what} is not JSON: {error}. {advice}") from error
    except _TwiceError as error:
        raise UserError(f"{what} cannot be read: it holds {error} twice. {advice}") from error
    except ValueError as error:
        # Python refuses longer numbers, because the time to read one grows with the square of its length.
        raise UserError(f"{what} cannot be read: it holds a number of more than {DIGITS} digits. {advice}") from error
    except RecursionError as error:
        raise UserError(f"{what} is nested too deeply to be read. {advice}") from error


def describe_type(value: Any) -> str:
    """Name the kind of a JSON value, in words."""
    kinds = {
        dict: "an object",
        list: "a list",
        str: "a text",
        bool: "true or false",
        int: "a number",
        float: "a number",
    }
    return kinds.get(type(value), "null")


def shown(value: Any, longest: int = 60) -> str:
    """Return a JSON value as short text for a sentence; a string is quoted, with unprintable characters escaped."""
    if isinstance(value, dict | list):
        return describe_type(value)
    text = ascii(value) if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


class _TwiceError(ValueError):
    """A name occurs twice in an object; the text is the name."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = Counter(name for name, _ in pairs)
        raise _TwiceError(shown(next(name for name, count in names.items() if count > 1)))
    return made


@contextmanager
def _explained(path: Path, advice: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise UserError(f"'{path}' is not a path: {error}. {advice}") from error
    except OSError as error:
        raise UserError(f"'{path}' cannot be read: {error.strerror}. {advice}") from error
