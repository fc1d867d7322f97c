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

from dormouse.config.bounds import bounds_of
from dormouse.config.catalog import classes
from dormouse.config.docstrings import class_text, first_sentence, setting_texts
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


def reference(name: str) -> Schema:
    """Point to a definition."""
    return {"$ref": f"#/$defs/{name}"}


def without_digits(schema: Schema) -> Schema:
    """Describe the same values without the form in which digits stand in groups."""
    if "anyOf" not in schema:
        return schema
    others = [one for one in schema["anyOf"] if one != reference(DIGITS)]
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    return {**others[0], **rest} if len(others) == 1 else {"anyOf": others, **rest}


@dataclass
class Definitions:
    """Collects the schemas of classes and registries, each once, for others to refer to."""

    made: dict[str, Schema] = field(default_factory=dict)

    def settings(self, cls: type[Config]) -> Schema:
        """Refer to the schema of a class of settings."""
        ours = cls.__module__.split(".")[0] == "dormouse"
        name = cls.__name__ if ours else f"{cls.__module__}.{cls.__qualname__}"
        if name not in self.made:
            self.made[name] = {}  # for a class that holds itself
            self.made[name] |= self.mapping(cls)
        return reference(name)

    def part(self, registry: Registry) -> Schema:
        """Refer to the schema of a part of a registry: its name, or its settings with `type`."""
        name = registry.word
        if name not in self.made:
            self.made[name] = {}
            self.made[name] |= self._any_part(registry)
        return reference(name)

    def mapping(self, cls: type[Config]) -> Schema:
        """Describe a class of settings: its keys, and no others."""
        properties = {name: self.setting(cls, name) for name in cls.model_fields}
        required = [name for name, one in cls.model_fields.items() if one.is_required()]
        about = {"description": text} if (text := class_text(cls)) else {}
        keys = {"properties": properties, "additionalProperties": False}
        return {**about, "type": "object", **keys, **({"required": required} if required else {})}

    def setting(self, cls: type[Config], name: str) -> Schema:
        """Describe one setting of a class: its values, default and docstring."""
        one = cls.model_fields[name]
        schema = self.value(name, one.annotation, one.metadata)
        schema |= _extra(one)
        if text := setting_texts(cls).get(name):
            # Docstrings speak Python.
            schema["description"] = re.sub(r"\bNone\b", "null", text)
        if not one.is_required() and not isinstance(default := default_of(one), Config):
            schema["default"] = to_jsonable_python(default)
        return schema

    def value(self, name: str, annotation: Any, metadata: Sequence[Any]) -> Schema:
        """Describe what a setting of that name holds; nothing is said of types that are not known here."""
        for one in metadata:
            if isinstance(one, PartOf):
                return self.part(one.registry)
        origin, arguments = get_origin(annotation), get_args(annotation)
        if origin is Annotated:
            return self._annotated(name, arguments[0], arguments[1:], metadata)
        if origin in (Union, UnionType):
            return _any_of([self.value(name, one, metadata) for one in arguments])
        if origin is Literal:
            return {"enum": list(arguments)}
        if origin in LISTS:
            return self._list(name, arguments, metadata)
        if origin in (dict, Mapping):
            return self._dictionary(name, arguments, metadata)
        return self._single(name, annotation, metadata)

    def _single(self, name: str, annotation: Any, metadata: Sequence[Any]) -> Schema:
        if annotation in NUMBERS:
            self.made[DIGITS] = GROUPED_DIGITS
            number = {"type": NUMBERS[annotation], **bounds_of(name, metadata).keywords()}
            return {"anyOf": [number, reference(DIGITS)]}
        if annotation in PLAIN:
            lengths = _lengths(metadata, "Length") if annotation is str else {}
            return {**PLAIN[annotation], **lengths, **_pattern(metadata)}
        if isinstance(annotation, type) and issubclass(annotation, Config) and not issubclass(annotation, Part):
            return self.settings(annotation)
        return {}

    def _annotated(self, name: str, annotation: Any, marks: Iterable[Any], metadata: Sequence[Any]) -> Schema:
        extra: Schema = {}
        flat = list(metadata)
        for mark in marks:
            if isinstance(mark, FieldInfo):
                flat += mark.metadata
                extra |= _extra(mark)
            else:
                flat.append(mark)
        return self.value(name, annotation, flat) | extra

    def _list(self, name: str, items: tuple[Any, ...], metadata: Sequence[Any]) -> Schema:
        if len(items) == 1 or items[1:] == (...,):
            item = {"items": self.value(name, items[0], ())}
            return {"type": "array", **item, **_lengths(metadata, "Items")}
        each = [self.value(name, one, ()) for one in items]
        return {"type": "array", "prefixItems": each, "items": False, "minItems": len(each)}

    def _dictionary(self, name: str, arguments: tuple[Any, ...], metadata: Sequence[Any]) -> Schema:
        keys, values = (self.value(name, one, ()) for one in arguments)
        named = {} if keys == PLAIN[str] else {"propertyNames": keys}
        return {"type": "object", **named, "additionalProperties": values, **_lengths(metadata, "Properties")}

    def _any_part(self, registry: Registry) -> Schema:
        bare, mappings = [], []
        for name, cls in classes(registry).items():
            schema = self.mapping(cls)
            if "required" not in schema:
                bare.append({"const": name, "description": first_sentence(class_text(cls))})
            # A mapping without `type` is of the default type.
            needed = [] if name == registry.default else ["type"]
            required = {"required": [*needed, *schema.pop("required", [])]}
            schema["properties"] = {"type": {"const": name}, **schema["properties"]}
            self.made[f"{registry.word}.{name}"] = schema | (required if required["required"] else {})
            mappings.append(reference(f"{registry.word}.{name}"))
        return {"anyOf": [*([{"anyOf": bare}] if bare else []), *mappings]}


def default_of(one: FieldInfo) -> Any:
    """The default of a field that has one."""
    return one.get_default(call_default_factory=True, validated_data={})


def _extra(one: FieldInfo) -> Schema:
    return dict(one.json_schema_extra) if isinstance(one.json_schema_extra, dict) else {}


def _any_of(schemas: list[Schema]) -> Schema:
    flat = [inner for one in schemas for inner in (one["anyOf"] if one.keys() == {"anyOf"} else [one])]
    distinct = [one for n, one in enumerate(flat) if one not in flat[:n]]
    return distinct[0] if len(distinct) == 1 else {"anyOf": distinct}


def _lengths(metadata: Sequence[Any], of: str) -> Schema:
    least = [one.min_length for one in metadata if isinstance(one, MinLen) and one.min_length]
    most = [one.max_length for one in metadata if isinstance(one, MaxLen)]
    return {**({f"min{of}": max(least)} if least else {}), **({f"max{of}": min(most)} if most else {})}


def _pattern(metadata: Sequence[Any]) -> Schema:
    # The class in which pydantic keeps a pattern has no public name.
    patterns = [one.pattern for one in metadata if hasattr(one, "pattern")]
    return {"pattern": patterns[-1]} if patterns else {}
