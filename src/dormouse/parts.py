"""`Part`: a frozen piece of configuration that also does its work, named in YAML by `type:`."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from dormouse.errors import did_you_mean
from dormouse.registry import Registry


class Config(BaseModel):
    """Frozen settings; a key that is not declared is an error that knows the declared ones."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _reject_surprises(cls, data: Any) -> Any:
        """Reject unknown keys, with the known ones, and `true` for a number, which pydantic takes for 1."""
        if not isinstance(data, Mapping):
            return data
        details = []
        for key, value in data.items():
            field = cls.model_fields.get(key)
            if field is None:
                problem = PydanticCustomError("unknown_key", "Unknown key", {"known": sorted(cls.model_fields)})
                details.append(InitErrorDetails(type=problem, loc=(str(key),), input=value))
            elif isinstance(value, bool) and field.annotation in (int, float):
                kind = "int_type" if field.annotation is int else "float_type"
                details.append(InitErrorDetails(type=kind, loc=(key,), input=value))
        if details:
            raise ValidationError.from_exception_data(cls.__name__, details)
        return data


class Part(Config, ABC):
    """A registered part. `name` is what `type:` says in YAML; the other fields are its settings."""

    name: ClassVar[str]

    @model_serializer(mode="wrap")
    def _with_type(self, settings: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {"type": self.name, **settings(self)}

    def spec(self) -> dict[str, Any]:
        """Return the settings as JSON, `type` first: what feeds a stage's key."""
        return self.model_dump(mode="json")


def part_from(registry: Registry, value: Any) -> Any:
    """Build a part of `registry` from `{type: name, ...}` or a bare name; `ValueError` where it is neither.

    A mapping without `type` gets the registry's default, so that a plan may change one setting of it.
    """
    if isinstance(value, Part):
        return value
    settings = {"type": value} if isinstance(value, str) else value
    if not isinstance(settings, Mapping):
        raise PydanticCustomError(
            "not_a_part", f"needs the name of a {registry.kind}, or its settings with 'type: name'"
        )
    name = settings.get("type", registry.default)
    if not isinstance(name, str):
        raise PydanticCustomError("not_a_part", f"needs the name of a {registry.kind} under 'type'")
    if name not in registry:
        # Pydantic keeps the place of its own errors only; `registry.get` would raise without one.
        hint = did_you_mean(name, registry.names())
        context = {"kind": registry.kind, "named": name, "hint": hint}
        raise PydanticCustomError("unknown_part", "Unknown {kind} '{named}'.{hint}", context)
    return registry.get(name).model_validate({key: setting for key, setting in settings.items() if key != "type"})


def from_registry(registry: Registry) -> Any:
    """Return the field annotation for a part of `registry`, given as `{type: name, ...}` or a bare name."""
    return BeforeValidator(lambda value: part_from(registry, value))
