"""Turns pydantic's errors into sentences with file, line and advice."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from dormouse.config.limits import plain
from dormouse.config.parts import Config
from dormouse.errors import UserError, did_you_mean, short
from dormouse.plan.yaml_text import Place

NAME_PATTERN = "lower-case letters, digits, '-' and '_', a letter or digit first"

EXPECTED = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "text",
    "tuple": "a list, such as [a, b]",
    "list": "a list, such as [a, b]",
    "path": "the path of a file or folder",
    "dict": "a mapping, one 'key: value' a line",
    "model": "a mapping, one 'key: value' a line",
    "greater_than_equal": "a number of at least {ge}",
    "greater_than": "a number above {gt}",
    "less_than_equal": "a number of at most {le}",
    "less_than": "a number below {lt}",
    "literal_error": "one of {expected}",
    "string_pattern_mismatch": "text of the form {pattern}",
    "string_unicode": "text",
    "finite_number": "a finite number",
    "string_too_short": "text of at least {min_length} characters",
    "string_too_long": "text of at most {max_length} characters",
    "too_short": "at least {min_length} item(s)",
    "too_long": "at most {max_length} item(s)",
}
"""Pydantic's error type, or a prefix of it -> what to write instead."""


PATTERNS = {
    r"^[a-z0-9][a-z0-9_-]*$": NAME_PATTERN,
    r"^[^{}]*\{\}[^{}]*$": "a text with one {} in it, where the request goes, and no other brace",
    r"^[\w.-]+/[\w.-]+$": "owner and name as on the hub: bigscience/bloom-560m",
    r"^[^\n]*$": "one line of text",
    r"^[0-9a-f]{40}$": "a commit: 40 digits and letters from a to f",
}
"""A pattern for text -> what it asks for, in words."""


def plan_error(error: ValidationError, where: Callable[[Place], str]) -> UserError:
    """Turn a validation error into sentences; `where` says in which file and line a place is."""
    return UserError("\n".join(dict.fromkeys(_sentence(details, where) for details in _told(error.errors()))))


def _told(errors: Sequence[ErrorDetails]) -> list[ErrorDetails]:
    """Return the errors that are worth telling, each at the place that the user knows."""
    placed = [details | {"loc": _place(details["loc"])} for details in errors]
    told: dict[tuple[Any, ...], Any] = {}
    for n, details in enumerate(placed):
        place = details["loc"]
        deeper = any(len(other["loc"]) > len(place) and other["loc"][: len(place)] == place for other in placed)
        # A list of wrong items is also said to be too short; each member of a union has something to say.
        if deeper and (details["type"] == "too_short" or place != errors[n]["loc"]):
            continue
        told.setdefault(place if place != errors[n]["loc"] else (n, place), details)
    return list(told.values())


def _place(steps: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Return a place without the names that pydantic has for the members of a union."""
    members = {cls.__name__ for cls in Config.__subclasses__()}
    return tuple(step for step in steps if step not in members and "-after[" not in str(step))


def _sentence(details: ErrorDetails, where: Callable[[Place], str]) -> str:
    is_key = details["loc"][-1:] == ("[key]",)
    place = details["loc"][:-1] if is_key else details["loc"]
    spot, path, context = where(place), dotted(place), details.get("ctx", {})
    match details["type"]:
        case "unknown_key":
            return f"Unknown key '{path}' ({spot}).{did_you_mean(str(place[-1]), context['known'])}"
        case "unknown_part":
            return f"Unknown {context['kind']} '{short(context['named'])}' ({spot}).{context['hint']}"
        case "missing":
            return f"Key '{path}' is missing ({spot}). Add a line '{place[-1]}: ...'."
        case "not_a_part":
            return f"'{path}' cannot be {shown(details['input'])} ({spot}). It {details['msg']}."
        case "value_error" | "assertion_error":
            return f"'{path}' cannot be used as it is ({spot}). {context['error']}"
        case "reserved_name":
            return f"The name '{details['input']}' cannot be used ({spot}). {context['why']}. Take another."
    subject = f"The name '{short(str(place[-1]))}'" if is_key else f"'{path}'"
    problem = "cannot be used" if is_key else f"cannot be {shown(details['input'])}"
    return f"{subject} {problem} ({spot}). Give {_expected(details)}."


def _expected(details: ErrorDetails) -> str:
    kind, context = details["type"], details.get("ctx", {})
    if kind == "beyond_limit":
        return str(context["advice"])
    if kind == "string_pattern_mismatch" and context["pattern"] in PATTERNS:
        return PATTERNS[context["pattern"]]
    template = EXPECTED.get(kind) or EXPECTED.get(kind.split("_")[0])
    if template is None:
        return f"another value: {details['msg'][0].lower()}{details['msg'][1:]}"
    return template.format(**{key: _plain(value) for key, value in context.items()})


def _plain(value: Any) -> Any:
    return plain(value) if isinstance(value, float) else value


def dotted(place: Place) -> str:
    """Return a place as the user would write it: `safety.rl.lr`, `seeds[1]`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{short(step)}" for step in place)
    return text.removeprefix(".") or "the plan"


def shown(value: Any) -> str:
    """Return a value as short text for an error."""
    return short(json.dumps(value, ensure_ascii=False, default=str))
