"""JSON Schema (draft 2020-12) of classes of settings, from what their fields declare."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import MaxLen, MinLen
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from dormouse.config.bounds import find_bounds
from dormouse.config.catalog import find_classes
from dormouse.config.docstrings import read_class_text, read_setting_texts, take_first_sentence
from dormouse.config.parts import Config, Part, PartOf
from dormouse.config.registry import Registry

Schema = dict[str, Any]

DIGITS = "digits"
GROUPED_DIGITS = {
    "$comment": "A number with its digits in groups, such as 200_000, which editors take for text.",
    "type": "string",
    "pattern": "^[1-9][0-9]*(_[0-9]+)+$",
}
PLAIN: dict[Any, Schema] = {
    str: {"type": "string"},
    Path: {"type": "string", "format": "path"},
    bool: {"type": "boolean"},
    NoneType: {"type": "null"},
}
NUMBERS = {int: "integer", float: "number"}
LISTS = (tuple, list, set, frozenset, Sequence, Iterable)


def refer_to(name: str) -> Schema:
    """Point to a definition."""
    return {"$ref": f"#/$defs/{name}"}


def drop_digits(schema: Schema) -> Schema:
    """Describe the same values without the form in which digits stand in groups."""
    if "anyOf" not in schema:
        return schema
    others = [one for one in schema["anyOf"] if one != refer_to(DIGITS)]
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    return {**others[0], **rest} if len(others) == 1 else {"anyOf": others, **rest}


@dataclass
class Definitions:
    """Collects the schemas of classes and registries, each once, for others to refer to."""

    made: dict[str, Schema] = field(default_factory=dict)

    def refer_to_settings(self, cls: type[Config]) -> Schema:
        """Refer to the schema of a class of settings."""
        ours = cls.__module__.split(".")[0] == "dormouse"
        name = cls.__name__ if ours else f"{cls.__module__}.{cls.__qualname__}"
        if name not in self.made:
            self.made[name] = {}  # for a class that holds itself
            self.made[name] |= self.describe_class(cls)
        return refer_to(name)

    def refer_to_part(self, registry: Registry) -> Schema:
        """Refer to the schema of a part of a registry: its name, or its settings with `type`."""
        name = registry.word
        if name not in self.made:
            self.made[name] = {}
            self.made[name] |= self._describe_part(registry)
        return refer_to(name)

    def describe_class(self, cls: type[Config]) -> Schema:
        """Describe a class of settings: its keys, and no others."""
        properties = {name: self.describe_setting(cls, name) for name in cls.model_fields}
        required = [name for name, one in cls.model_fields.items() if one.is_required()]
        about = {"description": text} if (text := read_class_text(cls)) else {}
        keys = {"properties": properties, "additionalProperties": False}
        return {**about, "type": "object", **keys, **({"required": required} if required else {})}

    def describe_setting(self, cls: type[Config], name: str) -> Schema:
        """Describe one setting of a class: its values, default and docstring."""
        one = cls.model_fields[name]
        schema = self.describe_value(name, one.annotation, one.metadata)
        schema |= _find_extra(one)
        if text := read_setting_texts(cls).get(name):
            # Docstrings speak Python.
            schema["description"] = re.sub(r"\bNone\b", "null", text)
        if not one.is_required():
            default = find_default(one)
            # A section's defaults are those of its settings.
            schema["default"] = {} if isinstance(default, Config) else to_jsonable_python(default, fallback=str)
        return schema

    def describe_value(self, name: str, annotation: Any, metadata: Sequence[Any]) -> Schema:
        """Describe what a setting of that name holds; nothing is said of types that are not known here."""
        for one in metadata:
            if isinstance(one, PartOf):
                return self.refer_to_part(one.registry)
        origin, arguments = get_origin(annotation), get_args(annotation)
        if origin is Annotated:
            return self._describe_annotated(name, arguments[0], arguments[1:], metadata)
        if origin in (Union, UnionType):
            return _combine([self.describe_value(name, one, metadata) for one in arguments])
        if origin is Literal:
            return {"enum": list(arguments)}
        if origin in LISTS:
            return self._describe_list(name, arguments, metadata)
        if origin in (dict, Mapping):
            return self._describe_dictionary(name, arguments, metadata)
        return self._describe_single(name, annotation, metadata)

    def _describe_single(self, name: str, annotation: Any, metadata: Sequence[Any]) -> Schema:
        if annotation in NUMBERS:
            self.made[DIGITS] = GROUPED_DIGITS
            number = {"type": NUMBERS[annotation], **find_bounds(name, metadata).keywords()}
            return {"anyOf": [number, refer_to(DIGITS)]}
        if annotation in PLAIN:
            lengths = _describe_lengths(metadata, "Length") if annotation is str else {}
            return {**PLAIN[annotation], **lengths, **_describe_pattern(metadata)}
        if isinstance(annotation, type) and issubclass(annotation, Config) and not issubclass(annotation, Part):
            return self.refer_to_settings(annotation)
        return {}

    def _describe_annotated(self, name: str, annotation: Any, marks: Iterable[Any], metadata: Sequence[Any]) -> Schema:
        extra: Schema = {}
        flat = list(metadata)
        for mark in marks:
            if isinstance(mark, FieldInfo):
                flat += mark.metadata
                extra |= _find_extra(mark)
            else:
                flat.append(mark)
        return self.describe_value(name, annotation, flat) | extra

    def _describe_list(self, name: str, items: tuple[Any, ...], metadata: Sequence[Any]) -> Schema:
        if len(items) == 1 or items[1:] == (...,):
            item = {"items": self.describe_value(name, items[0], ())}
            return {"type": "array", **item, **_describe_lengths(metadata, "Items")}
        each = [self.describe_value(name, one, ()) for one in items]
        return {"type": "array", "prefixItems": each, "items": False, "minItems": len(each)}

    def _describe_dictionary(self, name: str, arguments: tuple[Any, ...], metadata: Sequence[Any]) -> Schema:
        keys, values = (self.describe_value(name, one, ()) for one in arguments)
        named = {} if keys == PLAIN[str] else {"propertyNames": keys}
        return {"type": "object", **named, "additionalProperties": values, **_describe_lengths(metadata, "Properties")}

    def _describe_part(self, registry: Registry) -> Schema:
        bare, mappings = [], []
        for name, cls in find_classes(registry).items():
            schema = self.describe_class(cls)
            if "required" not in schema:
                bare.append({"const": name, "description": take_first_sentence(read_class_text(cls))})
            # A mapping without `type` is of the default type.
            needed = [] if name == registry.default else ["type"]
            required = {"required": [*needed, *schema.pop("required", [])]}
            schema["properties"] = {"type": {"const": name}, **schema["properties"]}
            self.made[f"{registry.word}.{name}"] = schema | (required if required["required"] else {})
            mappings.append(refer_to(f"{registry.word}.{name}"))
        return {"anyOf": [*([{"anyOf": bare}] if bare else []), *mappings]}


def find_default(one: FieldInfo) -> Any:
    """The default of a field that has one."""
    return one.get_default(call_default_factory=True, validated_data={})


def _find_extra(one: FieldInfo) -> Schema:
    return dict(one.json_schema_extra) if isinstance(one.json_schema_extra, dict) else {}


def _combine(schemas: list[Schema]) -> Schema:
    flat = [inner for one in schemas for inner in (one["anyOf"] if one.keys() == {"anyOf"} else [one])]
    distinct = [one for n, one in enumerate(flat) if one not in flat[:n]]
    return distinct[0] if len(distinct) == 1 else {"anyOf": distinct}


def _describe_lengths(metadata: Sequence[Any], of: str) -> Schema:
    least = [one.min_length for one in metadata if isinstance(one, MinLen) and one.min_length]
    most = [one.max_length for one in metadata if isinstance(one, MaxLen)]
    return {**({f"min{of}": max(least)} if least else {}), **({f"max{of}": min(most)} if most else {})}


def _describe_pattern(metadata: Sequence[Any]) -> Schema:
    # The class in which pydantic keeps a pattern has no public name.
    patterns = [one.pattern for one in metadata if hasattr(one, "pattern") and one.pattern]
    return {"pattern": re.compile(patterns[-1]).pattern} if patterns else {}
