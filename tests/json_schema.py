"""The keywords of JSON Schema (draft 2020-12) that the schema of plans uses, so that tests need no package for it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
ABOUT = {"$schema", "$comment", "$defs", "title", "description", "default", "format"}
"""Keywords that say something and check nothing."""


def problems(schema: dict[str, Any], value: Any) -> list[str]:
    """Return where a value fails its schema, and by which keyword."""
    return list(_problems(schema, value, schema, "plan"))


def _problems(schema: Any, value: Any, root: dict[str, Any], place: str) -> Iterator[str]:
    if schema is False:
        yield f"{place}: nothing may stand here"
        return
    for keyword, given in schema.items():
        if keyword in ABOUT or keyword in ("properties", "patternProperties", "additionalProperties"):
            continue
        if keyword == "$ref":
            yield from _problems(_referred(root, given), value, root, place)
        elif keyword == "anyOf":
            if all(list(_problems(one, value, root, place)) for one in given):
                yield f"{place}: anyOf"
        elif keyword == "not":
            if not list(_problems(given, value, root, place)):
                yield f"{place}: not"
        elif not CHECKS[keyword](given, value, lambda one, item: not list(_problems(one, item, root, place))):
            yield f"{place}: {keyword}"
    if isinstance(value, dict):
        yield from _entries(schema, value, root, place)


def _entries(schema: dict[str, Any], value: dict[str, Any], root: dict[str, Any], place: str) -> Iterator[str]:
    for key, item in value.items():
        fitting = [one for name, one in schema.get("properties", {}).items() if name == key]
        fitting += [one for name, one in schema.get("patternProperties", {}).items() if re.search(name, key)]
        for one in fitting or [schema.get("additionalProperties", {})]:
            yield from _problems(one, item, root, f"{place}.{key}")


def _referred(root: Any, pointer: str) -> Any:
    for key in pointer.removeprefix("#").split("/")[1:]:
        root = root[key.replace("~1", "/").replace("~0", "~")]
    return root


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_of_type(kind: str, value: Any, _: Any) -> bool:
    if kind == "integer":
        return _is_number(value) and float(value).is_integer()
    return _is_number(value) if kind == "number" else isinstance(value, TYPES[kind])


def _number(holds):
    return lambda given, value, _: not _is_number(value) or holds(value, given)


def _length(kind, holds):
    return lambda given, value, _: not isinstance(value, kind) or holds(len(value), given)


def _is_unique(given: bool, value: Any, _: Any) -> bool:
    return not isinstance(value, list) or all(one not in value[:n] for n, one in enumerate(value))


CHECKS: dict[str, Any] = {
    "type": _is_of_type,
    "enum": lambda given, value, _: any(type(one) is type(value) and one == value for one in given),
    "const": lambda given, value, _: type(given) is type(value) and given == value,
    "pattern": lambda given, value, _: not isinstance(value, str) or re.search(given, value) is not None,
    "minimum": _number(lambda value, end: value >= end),
    "maximum": _number(lambda value, end: value <= end),
    "exclusiveMinimum": _number(lambda value, end: value > end),
    "exclusiveMaximum": _number(lambda value, end: value < end),
    "minLength": _length(str, lambda n, end: n >= end),
    "maxLength": _length(str, lambda n, end: n <= end),
    "minItems": _length(list, lambda n, end: n >= end),
    "maxItems": _length(list, lambda n, end: n <= end),
    "maxProperties": _length(dict, lambda n, end: n <= end),
    "uniqueItems": _is_unique,
    "required": lambda given, value, _: not isinstance(value, dict) or set(given) <= value.keys(),
    "propertyNames": lambda given, value, holds: not isinstance(value, dict) or all(holds(given, key) for key in value),
    "items": lambda given, value, holds: not isinstance(value, list) or all(holds(given, one) for one in value),
}
"""Keyword -> (what it says, the value, whether a schema holds for an item) -> whether the value keeps to it."""
