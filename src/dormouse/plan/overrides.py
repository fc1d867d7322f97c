"""Sets values at dotted paths of an experiment's settings, for overrides and grid axes."""

from __future__ import annotations

from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import to_jsonable_python

from dormouse.errors import UserError, did_you_mean
from dormouse.plan.experiment import Experiment

Path = tuple[str, ...]
Settings = dict[str, Any]

NAMED_BY_USER = frozenset(
    [
        *((key,) for key, field in Experiment.model_fields.items() if get_origin(field.annotation) is dict),
        ("detect", "detectors"),
        ("measure", "evaluations"),
    ]
)
"""Places of mappings whose keys the plan invents: entries may be added, and null removes one."""


def split(dotted: str) -> Path:
    """Return the keys of a dotted path; what follows `grid.` is itself one key, a dotted path."""
    if dotted.startswith("grid."):
        return ("grid", dotted.removeprefix("grid."))
    return tuple(dotted.split("."))


def settings_of(experiment: Experiment) -> Settings:
    """Return every setting, defaults filled in, as JSON data that `Experiment.model_validate` takes back."""
    return experiment.model_dump(mode="json")


def every_setting(experiment: Experiment) -> Settings:
    """Return the settings without those that are left out at their defaults, so that older keys stay valid."""
    whole: Settings = _whole(experiment, settings_of(experiment))
    return whole


def _whole(value: Any, dumped: Any) -> Any:
    if isinstance(value, BaseModel):
        fields = type(value).model_fields.items()
        left_out = {name: to_jsonable_python(field.get_default()) for name, field in fields if field.exclude_if}
        return left_out | {name: _whole(getattr(value, name, None), one) for name, one in dumped.items()}
    if isinstance(value, dict):
        return {name: _whole(value[name], one) for name, one in dumped.items()}
    return dumped


def value_at(settings: Settings, path: Path) -> Any:
    """Return the value at a path without `*`."""
    node: Any = settings
    for key in path:
        node = node[key]
    return node


def assign(settings: Settings, dotted: str, value: Any, what: str) -> tuple[Settings, list[Path]]:
    """Return new settings with `value` at every place that `dotted` names, and those places; the old stay as they were.

    `*` stands for every key of a mapping; a place that lacks a later key is passed over. A path that names
    nothing is a `UserError` that calls it `what`.
    """
    path = split(dotted)
    for depth in range(1, len(path)):
        settings = _open_shorthand(settings, path[:depth])
    parents = _matches(settings, path[:-1])
    # A part that lacks what it must be given is known by its type alone, as yet.
    bare = [parent for parent in parents if _is_bare(settings, parent)]
    places = [
        (*parent, key)
        for parent in parents
        for key in _keys(settings, parent, path[-1], addable=path[:-1] in NAMED_BY_USER or parent in bare)
    ]
    if not places:
        raise UserError(f"{what} names no setting.{_hint(settings, path)}")
    for place in places:
        settings = _put(settings, place, value)
    for place in bare:
        settings = _filled(settings, place) or settings
    return settings, places


def _is_bare(settings: Settings, place: Path) -> bool:
    node = value_at(settings, place)
    return isinstance(node, dict) and node.keys() == {"type"}


def _filled(settings: Settings, place: Path, node: Any = ...) -> Settings | None:
    """Return the settings with all that belongs to what is at a place, `node` put there; None where it cannot be so."""
    tried = settings if node is ... else _put(settings, place, node)
    try:
        return every_setting(Experiment.model_validate(tried))
    except ValueError:
        return None


def _matches(settings: Settings, path: Path) -> list[Path]:
    places: list[Path] = [()]
    for key in path:
        places = [(*place, k) for place in places for k in _keys(settings, place, key)]
    return places


def _keys(settings: Settings, place: Path, key: str, *, addable: bool = False) -> list[str]:
    node = value_at(settings, place)
    if not isinstance(node, dict):
        return []
    if key == "*":
        return [k for k in node if k != "type"]
    return [key] if key in node or addable else []


def _put(settings: Settings, place: Path, value: Any) -> Settings:
    """Return new settings with a value at a place. Everything off that path is shared with the old ones."""
    whole = dict(settings)
    parent, key = whole, place[-1]
    for step in place[:-1]:
        parent[step] = dict(parent[step])
        parent = parent[step]
    if key == "type" and parent.get("type") != value:
        # The old part's settings mean nothing to the new one.
        parent.clear()
    if value is None and place[:-1] in NAMED_BY_USER:
        parent.pop(key, None)
    else:
        parent[key] = value
    return whole


def _open_shorthand(settings: Settings, path: Path) -> Settings:
    """Fill in the settings below a part that an earlier assignment gave by name alone, or a section that is null."""
    for place in _matches(settings, path):
        node = value_at(settings, place)
        if isinstance(node, str):
            settings = _opened_part(settings, place, node)
        elif node is None:
            section = _section(place)
            filled = _filled(settings, place, {})
            settings = filled or (_put(settings, place, _unfilled(section)) if section else settings)
        elif _is_bare(settings, place):
            settings = _filled(settings, place) or settings
    return settings


def _opened_part(settings: Settings, place: Path, name: str) -> Settings:
    """Return the settings with a part's own settings in place of its bare name."""
    opened = _put(settings, place, {"type": name})
    try:
        return every_setting(Experiment.model_validate(opened))
    except ValidationError as error:
        lacks = [one for one in error.errors() if one["type"] == "missing" and one["loc"][: len(place)] == place]
        return opened if lacks else settings


def _section(place: Path) -> type[BaseModel] | None:
    """Return the class of the section at a place, even if it is null there; None if the place is no section."""
    section: type[BaseModel] = Experiment
    for key in place:
        field = section.model_fields.get(key)
        choices = get_args(field.annotation) or (field.annotation,) if field else ()
        found = [one for one in choices if isinstance(one, type) and issubclass(one, BaseModel)]
        if not found:
            return None
        section = found[0]
    return section


def _unfilled(section: type[BaseModel]) -> Settings:
    """Return a section's defaults. Required settings are null, which validation then refuses."""
    return {
        name: None if field.is_required() else to_jsonable_python(field.get_default(call_default_factory=True))
        for name, field in section.model_fields.items()
    }


def _hint(settings: Settings, path: Path) -> str:
    for depth in range(len(path)):
        if not _matches(settings, path[: depth + 1]):
            parents = [value_at(settings, place) for place in _matches(settings, path[:depth])]
            known = {key for parent in parents if isinstance(parent, dict) for key in parent}
            if known and path[depth] != "*":
                return did_you_mean(path[depth], known)
            return f" '{'.'.join(path[:depth])}' holds nothing that it could mean in this plan."
    return ""
