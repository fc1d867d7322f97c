"""Parses the JSON of data files. Broken characters and repeated keys are errors."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dormouse.data.formats.content import MIB, place
from dormouse.errors import UserError

MOST_OF_A_ROW = MIB
"""Most bytes of a line, or characters of a row: far more than any model here reads at once."""
WINDOW = 2 * MOST_OF_A_ROW
_SPACE = re.compile(r"[ \t\n\r]*")
_FOLLOWS = re.compile(r"[ \t\n\r]*([,\]])[ \t\n\r]*")
_ESCAPE = "\\u"
"""Only escapes can encode half of a character: UTF-8 has no bytes for it."""
IN_LINES = "Each line must hold one JSON object."
IN_A_LIST = "The file must hold one JSON list of objects."


def parse_json(text: str, where: str, needed: str) -> Any:
    """Parse JSON. `UserError` if it is malformed or contains half of a character."""
    try:
        value = _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise _malformed(error, where, needed) from error
    if _ESCAPE in text:
        check_text(value, where)
    return value


def parse_list(path: Path, text: str) -> Iterator[Any]:
    """Yield the values of a JSON list, parsed one at a time, so that the size of each is checked."""
    start = _after_space(text, 0)
    if text[start : start + 1] != "[":
        parse_json(text[start : start + MOST_OF_A_ROW], f"'{path}'", IN_A_LIST)
        raise UserError(f"'{path}' is not a JSON list. Give a list of objects, or JSON lines in a .jsonl file.")
    start, number = _after_space(text, start + 1), 0
    closed = text.startswith("]", start)
    window, offset = "", start
    while not closed:
        number += 1
        cut = offset + len(window) < len(text)
        if cut and len(window) - (start - offset) < MOST_OF_A_ROW:
            window, offset = text[start : start + WINDOW], start
            cut = offset + len(window) < len(text)
        value, end = _one(path, number, window, start - offset, cut=cut)
        yield value
        follows = _FOLLOWS.match(text, offset + end)
        if follows is None:
            raise UserError(f"{place(path, number)}: ',' or ']' is missing after it. {IN_A_LIST}")
        start, closed = follows.end(), follows[1] == "]"
    if _after_space(text, start + (number == 0)) < len(text):
        raise UserError(f"'{path}' continues after its list. {IN_A_LIST}")


def too_long(where: str) -> UserError:
    """Make the error for a row that is too large."""
    return UserError(
        f"{where}: more than {MOST_OF_A_ROW // MIB} MiB in one row, the most that is read. Shorten or delete it."
    )


def check_text(value: Any, where: str) -> None:
    r"""Raise `UserError` if a JSON value contains half of a character: `\ud83d` without its second half."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = f"\\u{ord(error.object[error.start]):04x}"
        raise UserError(
            f"{where}: '{half}' is half of a character. Write the character whole, or delete it."
        ) from error


def _one(path: Path, number: int, window: str, start: int, *, cut: bool) -> tuple[Any, int]:
    """Parse the value that begins at `start`; return it and its end. `cut`: the text continues after the window."""
    try:
        value, end = _DECODER.raw_decode(window, start)
    except (ValueError, RecursionError) as error:
        at_its_end = isinstance(error, json.JSONDecodeError) and error.pos - start >= MOST_OF_A_ROW
        if cut and (at_its_end or "Unterminated" in str(error)):
            raise too_long(place(path, number)) from error
        raise _malformed(error, place(path, number), IN_A_LIST, start) from error
    if end - start > MOST_OF_A_ROW:
        raise too_long(place(path, number))
    if window.find(_ESCAPE, start, end) >= 0:
        check_text(value, place(path, number))
    return value, end


def _malformed(error: ValueError | RecursionError, where: str, needed: str, start: int = 0) -> UserError:
    if isinstance(error, RecursionError):
        return UserError(f"{where}: JSON that is nested too deep. {needed}")
    if not isinstance(error, json.JSONDecodeError):
        # An error from Python itself: a number with thousands of digits.
        reason = "a number with too many digits" if "digits" in str(error) else str(error)
        return UserError(f"{where}: malformed JSON ({reason}). {needed}")
    line = error.doc.count("\n", start, error.pos) + 1
    column = error.pos - max(start, error.doc.rfind("\n", start, error.pos) + 1) + 1
    at = f"column {column}" if line == 1 else f"line {line}, column {column}"
    return UserError(f"{where}: malformed JSON ({error.msg} at {at}). {needed}")


def _after_space(text: str, start: int) -> int:
    found = _SPACE.match(text, start)
    return found.end() if found else start


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object; a repeated key is ambiguous and raises."""
    values = dict(pairs)
    if len(values) < len(pairs):
        [(twice, _)] = Counter(key for key, _ in pairs).most_common(1)
        raise ValueError(f"the key {twice[:60]!r} is repeated")
    return values


_DECODER = json.JSONDecoder(object_pairs_hook=_object)
