"""Files that others made: nothing is read that is no plain file, too long, or outside of its folder."""

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
"""Bytes that a file of settings may have."""
TABLE = 64 << 20
"""Bytes that a vocabulary or an index may have: twice the longest vocabulary in use."""

DIGITS = sys.get_int_max_str_digits()

KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def status(path: Path) -> os.stat_result | None:
    """Return what is at a path, links followed; None where nothing is, or nothing that can be looked at."""
    try:
        return path.stat()
    except (OSError, ValueError):  # The second where the name holds a zero byte.
        return None


def is_folder(path: Path) -> bool:
    """Return whether there is a folder; False for a path that no system would take."""
    found = status(path)
    return found is not None and stat.S_ISDIR(found.st_mode)


def is_there(path: Path) -> bool:
    """Return whether there is anything at a path, be it a link that leads nowhere."""
    return os.path.lexists(path)


def check_file(path: Path, advice: str) -> os.stat_result:
    """Return the status of a plain file; `UserError` where there is none."""
    with _explained(path, advice):
        found = path.stat()
    kind = KINDS.get(stat.S_IFMT(found.st_mode))
    if kind is not None:
        raise UserError(f"'{path}' is {kind}, not a file. {advice}")
    return found


def check_inside(path: Path, folder: Path, advice: str) -> None:
    """Raise `UserError` where a path leads out of a folder. The hub's cache may link to where it keeps its contents."""
    home = Path(os.path.realpath(folder))
    to = Path(os.path.realpath(path))
    if not to.is_relative_to(home) and not any(to.is_relative_to(blobs) for blobs in _blobs(home)):
        raise UserError(f"'{path}' leads out of its folder, to '{to}'. {advice}")


def _blobs(folder: Path) -> list[Path]:
    """Return where a snapshot of the hub's cache links to: its repository's contents, and those that many share."""
    for snapshots in folder.parents:
        repository = snapshots.parent
        if snapshots.name == "snapshots" and repository.name.startswith(("models--", "datasets--")):
            return [repository / "blobs", repository.parent / "blobs"]
    return []


def read_text(path: Path, advice: str, most: int = SETTINGS) -> str:
    """Return the text of a file; `UserError` where it is none, not UTF-8, or longer than `most` bytes."""
    length = check_file(path, advice).st_size
    with _explained(path, advice), path.open("rb") as file:
        # What the system makes up as it is read states no length.
        content = file.read(most + 1)
    if len(content) > most:
        raise UserError(f"'{path}' is {max(length, len(content))} bytes long, and at most {most} are read. {advice}")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"'{path}' is not UTF-8 text: {error.reason} at byte {error.start}. {advice}") from error


def read_json(path: Path, advice: str, most: int = SETTINGS) -> Any:
    """Return what a JSON file holds; `UserError` where it is none, or has numbers or nesting beyond all use."""
    return parse_json(read_text(path, advice, most), f"'{path}'", advice)


def read_object(path: Path, advice: str, most: int = SETTINGS) -> dict[str, Any]:
    """Return the object that a JSON file holds; `UserError` where it holds anything else."""
    content = read_json(path, advice, most)
    if not isinstance(content, dict):
        raise UserError(f"'{path}' holds {describe_type(content)} in place of an object. {advice}")
    return content


def parse_json(text: str, what: str, advice: str, *, unique: bool = False) -> Any:
    """Return what a JSON text says; `UserError` where it is none. `what` begins the sentence: the file, in quotes.

    With `unique` no name may stand twice in an object: readers do not agree on which of the two counts.
    """
    try:
        return json.loads(text, object_pairs_hook=_unique if unique else None)
    except json.JSONDecodeError as error:
        raise UserError(f"{what} is not JSON: {error}. {advice}") from error
    except _TwiceError as error:
        raise UserError(f"{what} cannot be read: it holds {error} twice. {advice}") from error
    except ValueError as error:
        # Python reads no longer ones: it would take time that grows with their square.
        raise UserError(f"{what} cannot be read: it holds a number of more than {DIGITS} digits. {advice}") from error
    except RecursionError as error:
        raise UserError(f"{what} is nested too deeply to be read. {advice}") from error


def describe_type(value: Any) -> str:
    """Return what kind of JSON value this is, in words."""
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
    """Return a JSON value as short text for a sentence, a name in quotes: it may hold what no terminal prints."""
    if isinstance(value, dict | list):
        return describe_type(value)
    text = ascii(value) if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


class _TwiceError(ValueError):
    """A name stands twice in an object; the text is the name."""


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
        raise UserError(f"'{path}' is no path: {error}. {advice}") from error
    except OSError as error:
        raise UserError(f"'{path}' cannot be read: {error.strerror}. {advice}") from error
