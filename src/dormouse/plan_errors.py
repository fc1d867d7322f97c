"""What is wrong in a plan, one sentence a mistake: pydantic's errors with file, line and what to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from dormouse.errors import UserError, did_you_mean
from dormouse.plan_yaml import Place

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
    "string_pattern_mismatch": NAME_PATTERN,
    "finite_number": "a finite number",
    "string_too_short": "text of at least {min_length} characters",
    "string_too_long": "text of at most {max_length} characters",
    "too_short": "at least {min_length} item(s)",
    "too_long": "at most {max_length} item(s)",
}
"""Pydantic's error type, or what its name starts with -> what should stand there."""


def plan_error(error: ValidationError, where: Callable[[Place], str]) -> UserError:
    """Turn a validation error into sentences; `where` says in which file and line a place is."""
    # A union reports once per member: the same place is told once.
    sentences = dict.fromkeys(_sentence(details, where) for details in error.errors())
    return UserError("\n".join(sentences))


def _sentence(details: ErrorDetails, where: Callable[[Place], str]) -> str:
    is_key = details["loc"][-1:] == ("[key]",)
    place = details["loc"][:-1] if is_key else details["loc"]
    spot, path, context = where(place), dotted(place), details.get("ctx", {})
    match details["type"]:
        case "unknown_key":
            return f"Unknown key '{path}' ({spot}).{did_you_mean(str(place[-1]), context['known'])}"
        case "unknown_part":
            return f"Unknown {context['kind']} '{context['named']}' ({spot}).{context['hint']}"
        case "missing":
            return f"Key '{path}' is missing ({spot}). Add a line '{place[-1]}: ...'."
        case "not_a_part":
            return f"'{path}' cannot be {shown(details['input'])} ({spot}). It {details['msg']}."
        case "value_error" | "assertion_error":
            return f"'{path}' cannot be used as it is ({spot}). {context['error']}"
    subject = f"The name '{place[-1]}'" if is_key else f"'{path}'"
    problem = "cannot be used" if is_key else f"cannot be {shown(details['input'])}"
    return f"{subject} {problem} ({spot}). Give {_expected(details)}."


def _expected(details: ErrorDetails) -> str:
    kind = details["type"]
    template = EXPECTED.get(kind) or EXPECTED.get(kind.split("_")[0])
    if template is None:
        return f"another value: {details['msg'][0].lower()}{details['msg'][1:]}"
    return template.format(**{key: _plain(value) for key, value in details.get("ctx", {}).items()})


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def dotted(place: Place) -> str:
    """Return a place as the user would write it: `safety.rl.lr`, `seeds[1]`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
    return text.removeprefix(".") or "the plan"


def shown(value: Any) -> str:
    """Return a value as short text for an error."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."
