"""JSON Schema of a plan file, by which editors complete and check it as it is written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin

from dormouse.config.catalog import find_classes
from dormouse.config.json_schema import Definitions, Schema
from dormouse.config.limits import PARTS, PATH
from dormouse.config.parts import Config, Part, PartOf
from dormouse.config.registry import Registry
from dormouse.plan.experiment import Experiment
from dormouse.plan.grid import NOT_AXES

DRAFT = "https://json-schema.org/draft/2020-12/schema"
WIDTH = 120
"""Characters of a line."""
NAMED = "*"
"""Stands in a place for a name of the user's: `safety.*.dose`."""
NAME_IN_PATH = r"[^.]+"


@dataclass(frozen=True)
class Setting:
    """A setting of a plan and where it stands."""

    place: tuple[str, ...]
    """Keys from the top, with `NAMED` for a name of the user's."""
    pointer: str
    """Where the schema describes it."""
    registry: Registry | None = None
    """Of the part that it holds, if it holds one."""

    @property
    def path(self) -> str:
        """Its dotted path."""
        return ".".join(self.place)


def make_plan_schema() -> Schema:
    """Describe a plan with every part that is installed."""
    definitions = Definitions()
    plan = definitions.describe_class(Experiment)
    grid = _describe_grid(definitions)
    plan["properties"]["grid"] |= grid
    about = {"$schema": DRAFT, "title": "A dormouse plan"}
    return {**about, **plan, "$defs": dict(sorted(definitions.made.items()))}


def write_schema(schema: Schema) -> str:
    """Write a schema as JSON that can be read and compared: what fits into a line stands in one."""
    return f"{_lay_out(schema, 0)}\n"


def _lay_out(value: Any, depth: int, before: int = 0) -> str:
    """Write a value; `before` characters stand before it in its line."""
    flat = json.dumps(value)
    if depth + before + len(flat) <= WIDTH or not isinstance(value, dict | list) or not value:
        return flat
    keyed = value.items() if isinstance(value, dict) else (("", one) for one in value)
    names = [(f"{json.dumps(key)}: " if isinstance(value, dict) else "", one) for key, one in keyed]
    inner = ",\n".join(f"{' ' * (depth + 1)}{name}{_lay_out(one, depth + 1, len(name))}" for name, one in names)
    first, last = "{}" if isinstance(value, dict) else "[]"
    return f"{first}\n{inner}\n{' ' * depth}{last}"


def find_places() -> dict[Registry, list[str]]:
    """Map each registry to the dotted paths at which a plan holds its parts."""
    found: dict[Registry, list[str]] = {}
    for one in walk_settings(Definitions()):
        if one.registry is not None:
            found.setdefault(one.registry, []).append(one.path)
    return found


def walk_settings(definitions: Definitions) -> Iterator[Setting]:
    """Yield every setting of a plan; those of parts once for each part that has them."""
    yield from _walk_class(definitions, Experiment, "#", ())


def _walk_class(definitions: Definitions, cls: type[Config], pointer: str, place: tuple[str, ...]) -> Iterator[Setting]:
    for name, one in cls.model_fields.items():
        annotation = Annotated[one.annotation, *one.metadata] if one.metadata else one.annotation
        yield from _walk_value(definitions, annotation, f"{pointer}/properties/{name}", (*place, name))


def _walk_value(definitions: Definitions, annotation: Any, pointer: str, place: tuple[str, ...]) -> Iterator[Setting]:
    """Yield a setting, and the settings within what it holds."""
    registry = _find_registry(annotation)
    yield Setting(place, pointer, registry)
    if registry is not None:
        definitions.refer_to_part(registry)
        for name, cls in find_classes(registry).items():
            within = f"#/$defs/{registry.word}.{name}"
            yield Setting((*place, "type"), f"{within}/properties/type")
            yield from _walk_class(definitions, cls, within, place)
        return
    for one in _walk_types(annotation):
        if isinstance(one, type) and issubclass(one, Config) and not issubclass(one, Part):
            yield from _walk_class(definitions, one, definitions.refer_to_settings(one)["$ref"], place)
        elif get_origin(one) is dict and _find_registry(get_args(one)[1]):
            yield from _walk_value(definitions, get_args(one)[1], f"{pointer}/additionalProperties", (*place, NAMED))


def _find_registry(annotation: Any) -> Registry | None:
    marks = get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
    return next((one.registry for one in marks if isinstance(one, PartOf)), None)


def _walk_types(annotation: Any) -> Iterator[Any]:
    """Yield the types that a value may have, without what annotates them."""
    if get_origin(annotation) is Annotated:
        yield from _walk_types(get_args(annotation)[0])
    elif get_origin(annotation) is dict or not get_args(annotation):
        yield annotation
    else:
        for one in get_args(annotation):
            yield from _walk_types(one)


def _describe_grid(definitions: Definitions) -> Schema:
    """Describe the axes of the grid: each path of a setting with a list of its values."""
    pointers: dict[tuple[str, ...], list[str]] = {}
    for one in walk_settings(definitions):
        if one.place[0] not in NOT_AXES:
            pointers.setdefault(one.place, []).append(one.pointer)
    fixed: Schema = {}
    named: Schema = {r"(^|[.])[*]([.]|$)": {"type": "array", "minItems": 1}}
    for place, found in pointers.items():
        axis = _describe_axis(list(dict.fromkeys(found)), removable=place[-1] == NAMED)
        if NAMED in place:
            named[_write_pattern(place)] = axis
        else:
            fixed[".".join(place)] = axis
    lengths = {"maxProperties": PARTS, "propertyNames": {"maxLength": PATH}}
    return {"properties": fixed, "patternProperties": named, "additionalProperties": False, **lengths}


def _write_pattern(place: tuple[str, ...]) -> str:
    keys = (NAME_IN_PATH if key == NAMED else re.escape(key) for key in place)
    return f"^{'[.]'.join(keys)}$"


def _describe_axis(pointers: list[str], *, removable: bool) -> Schema:
    values: list[Schema] = [{"$ref": pointer} for pointer in pointers]
    if removable:
        values.append({"type": "null"})
    return {
        "type": "array",
        "minItems": 1,
        "uniqueItems": True,
        "items": values[0] if len(values) == 1 else {"anyOf": values},
    }
