"""Says in plain words what a setting takes, from its JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dormouse.config.json_schema import Schema, drop_digits
from dormouse.config.limits import plain
from dormouse.plan.errors import PATTERNS

SIZES = {"Length": "character", "Items": "item", "Properties": "entry"}
"""The end of a keyword that counts, such as `maxLength` -> the thing counted."""
PLURALS = {"entry": "entries"}


@dataclass(frozen=True)
class Said:
    """A kind of value, and how it is limited."""

    kind: str
    limits: str = ""
    plural: str = ""
    """The kind, of many; empty where it has no such word."""

    def __str__(self) -> str:
        return f"{self.kind}, {self.limits}" if self.limits else self.kind


def describe(schema: Schema, definitions: Mapping[str, Schema]) -> str:
    """Say what a value may be: "whole number, 1 to 100", "one of a, b", "list of numbers"."""
    return str(_describe(schema, definitions))


def _describe(schema: Schema, definitions: Mapping[str, Schema]) -> Said:
    if "$ref" in schema:
        return Said(_describe_reference(schema["$ref"].removeprefix("#/$defs/"), definitions))
    schema = drop_digits(schema)
    if "anyOf" in schema:
        return _join([_describe(one, definitions) for one in schema["anyOf"]])
    if "enum" in schema:
        choices = ", ".join(map(write_value, schema["enum"]))
        return Said(f"one of {choices}", plural=f"any of {choices}")
    match schema.get("type"):
        case "integer":
            return Said("whole number", _describe_range(schema), "whole numbers")
        case "number":
            return Said("number", _describe_range(schema), "numbers")
        case "boolean":
            return Said("true or false")
        case "null":
            return Said("null")
        case "string":
            return _describe_text(schema)
        case "array":
            return _describe_list(schema, definitions)
        case "object":
            return Said(
                f"mapping of names to {describe(schema['additionalProperties'], definitions)}", _describe_size(schema)
            )
    return Said("anything", plural="anything")


def _join(choices: list[Said]) -> Said:
    comma = "," if any("," in str(one) for one in choices) else ""
    return Said(f"{comma} or ".join(map(str, choices)))


def _describe_text(schema: Schema) -> Said:
    if schema.get("format") == "path":
        return Said("path", plural="paths")
    if meaning := PATTERNS.get(schema.get("pattern", "")):
        return Said(meaning)
    return Said("text", _describe_size(schema), "texts")


def _describe_list(schema: Schema, definitions: Mapping[str, Schema]) -> Said:
    if "prefixItems" in schema:
        return Said(f"list of {' and '.join(describe(one, definitions) for one in schema['prefixItems'])}")
    item = _describe(schema["items"], definitions)
    kind, each = (item.plural, item.limits) if item.plural else ("values", str(item))
    return Said(f"list of {kind}", ", ".join(filter(None, (_describe_size(schema), f"each {each}" if each else ""))))


def write_value(value: Any) -> str:
    """Write a value as a plan does, on one line; text that could be mistaken stands in quotes."""
    if isinstance(value, str) and value and value.replace("_", "a").replace("-", "a").isalnum():
        return value
    return json.dumps(value, ensure_ascii=False)


def write_number(number: float) -> str:
    """Write a number as people do: 1000, 20,000, 0.001, 1e-9."""
    return f"{number:,}" if isinstance(number, int) and number >= 10_000 else plain(number)


def _describe_reference(name: str, definitions: Mapping[str, Schema]) -> str:
    schema = definitions[name]
    if "properties" in schema:
        return f"mapping of {', '.join(schema['properties'])}"
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name.replace('_', ' ')}"


def _describe_size(schema: Schema) -> str:
    for end, thing in SIZES.items():
        least, most = schema.get(f"min{end}"), schema.get(f"max{end}")
        if least or most:
            things = thing if (most or least) == 1 else PLURALS.get(thing, f"{thing}s")
            return f"{_describe_ends(least, most)} {things}"
    return ""


def _describe_range(schema: Schema) -> str:
    """Say where a number may lie: "0, 0.001 to 0.999 or 1"."""
    least, most = schema.get("minimum"), schema.get("maximum")
    gaps = schema.get("not", {}).get("anyOf", [schema["not"]] if "not" in schema else [])
    below, above = [], []
    for gap in gaps:
        low, high = gap["exclusiveMinimum"], gap["exclusiveMaximum"]
        if low == least:
            below, least = [write_number(low)], high
        elif high == most:
            above, most = [write_number(high)], low
    strict = {"above": schema.get("exclusiveMinimum"), "below": schema.get("exclusiveMaximum")}
    ends = [f"{word} {write_number(end)}" for word, end in strict.items() if end is not None]
    if (between := _describe_ends(least, most)) and ends:
        between = " and ".join([*ends, between])
    pieces = [*below, *filter(None, [between or " and ".join(ends)]), *above]
    return " or ".join(filter(None, [", ".join(pieces[:-1]), pieces[-1]])) if pieces else ""


def _describe_ends(least: float | None, most: float | None) -> str:
    if least is not None and most is not None:
        return f"{write_number(least)} to {write_number(most)}"
    if least is not None:
        return f"at least {write_number(least)}"
    return "" if most is None else f"at most {write_number(most)}"
