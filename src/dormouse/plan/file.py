"""Plan files: YAML to `Experiment` and back, with overrides, and the plans that are shipped."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from dormouse.config.limits import FILE_BYTES, OVERRIDES, PATH
from dormouse.errors import UserError, did_you_mean, short
from dormouse.plan import overrides as dotted
from dormouse.plan.errors import plan_error
from dormouse.plan.experiment import Experiment
from dormouse.plan.grid import Cell, cells
from dormouse.plan.yaml_text import (
    Document,
    Place,
    check_length,
    parse,
    write,
)


@dataclass(frozen=True)
class Loaded:
    """A plan file that was read."""

    experiment: Experiment
    cells: list[Cell]
    """Every combination of its grid, each checked."""


def load(plan: str | Path, overrides: list[str] | tuple[str, ...] = ()) -> Experiment:
    """Read a plan file, or a shipped plan by bare name, and apply `path.to.key=value` overrides in order.

    Every mistake is a `UserError` with file and line, or with the override that made it.
    """
    return load_with_cells(plan, overrides).experiment


def load_with_cells(plan: str | Path, overrides: list[str] | tuple[str, ...] = ()) -> Loaded:
    """Do as `load` does, and keep the cells of the grid, which were made to check it."""
    document = _read(plan)
    if document.data is None:
        raise UserError(f"'{document.name}' is empty. A plan needs at least 'name: my-experiment'.")
    if not isinstance(document.data, dict):
        raise UserError(f"'{document.name}' holds no mapping. A plan is 'key: value' lines, 'name:' among them.")
    try:
        experiment = Experiment.model_validate(document.data)
    except ValidationError as error:
        raise plan_error(error, document.where) from error
    experiment, origins = _override(experiment, overrides, document)
    return Loaded(experiment, cells(experiment, lambda place: _origin(place, origins, document)))


def dump(experiment: Experiment) -> str:
    """Return the experiment as YAML, defaults written out; `load` gives back an equal one."""
    return write(dotted.settings_of(experiment))


def shipped() -> dict[str, Path]:
    """Return the shipped plans by name."""
    package = Path(__file__).parent.parent
    # In a checkout the folder is at the root; the wheel holds it inside the package.
    folders = [package / "experiments", package.parents[1] / "experiments"]
    return {file.stem: file for folder in reversed(folders) for file in sorted(folder.glob("*.yaml"))}


def is_file(plan: str | Path) -> bool:
    """Return whether there is a regular file of that name."""
    return stat.S_ISREG(_mode(Path(plan)))


def _mode(path: Path) -> int:
    """Return the file type at a path; 0 if nothing is there or the path is not possible."""
    try:
        return path.stat().st_mode
    except (OSError, ValueError):
        return 0


def _read(plan: str | Path) -> Document:
    path, name, known = Path(plan), str(plan), shipped()
    mode = _mode(path)
    if name in known and not stat.S_ISREG(mode):
        path, name = known[name], f"shipped plan '{name}'"
    elif not mode:
        raise UserError(f"There is no plan '{short(name)}'.{_shipped_hint(name, known)}")
    elif stat.S_ISDIR(mode):
        raise UserError(f"'{plan}' is a directory. Give a plan file in it, or a shipped plan: {', '.join(known)}.")
    elif not stat.S_ISREG(mode):
        raise UserError(f"'{plan}' is a pipe or a device. Write the plan to a file, and give that.")
    try:
        with path.open("rb") as file:
            # One byte more, so that a file that is too long is known to be; some have no size before they are read.
            content = file.read(FILE_BYTES + 1)
        check_length(len(content), name)
        return parse(content.decode("utf-8"), name)
    except UnicodeDecodeError as error:
        line = 1 + content.count(b"\n", 0, error.start)
        raise UserError(f"'{plan}' is not text (line {line}): {error.reason}. Save it as UTF-8 YAML.") from error
    except OSError as error:
        raise UserError(f"'{plan}' cannot be read: {error.strerror}. Check its permissions.") from error


def _shipped_hint(plan: str, known: dict[str, Path]) -> str:
    return did_you_mean(short(plan), known).replace("Known:", "Give a path to a YAML file, or a shipped plan:")


def _override(
    experiment: Experiment, overrides: list[str] | tuple[str, ...], document: Document
) -> tuple[Experiment, dict[dotted.Path, str]]:
    settings, origins = dotted.every_setting(experiment), dict[dotted.Path, str]()
    if len(overrides) > OVERRIDES:
        raise UserError(f"{len(overrides)} overrides are too many. Give at most {OVERRIDES}, or write a plan file.")
    for text in overrides:
        path, equals, value = text.partition("=")
        path = path.strip()
        if not equals or not path:
            raise UserError(f"'{short(text)}' is no override. Write path.to.key=value, for example helpful.steps=100.")
        if len(path) > PATH:
            raise UserError(f"Override '{short(text)}' names no setting. Write path.to.key=value.")
        given = parse(value, f"override '{short(text)}'").data
        if given is None:
            _check_there(settings, dotted.split(path), text)
        settings, places = dotted.assign(settings, path, given, f"Override '{short(text)}'")
        origins |= dict.fromkeys(places, text)
    try:
        return Experiment.model_validate(settings), origins
    except ValidationError as error:
        raise plan_error(error, lambda place: _origin(place, origins, document)) from error


def _check_there(settings: dotted.Settings, path: dotted.Path, text: str) -> None:
    """Raise `UserError` if null would take out a part that does not exist: its name may be misspelled."""
    if path[:-1] not in dotted.NAMED_BY_USER or path[-1] == "*":
        return
    there: Any = settings
    for key in path[:-1]:
        there = (there or {}).get(key)
    if path[-1] not in (there or {}):
        raise UserError(f"Override '{short(text)}' takes out nothing.{did_you_mean(short(path[-1]), there or {})}")


def _origin(place: Place, origins: dict[dotted.Path, str], document: Document) -> str:
    """Return the last override that set a place, one above it or below it; else the file and line."""
    for path, text in reversed(origins.items()):
        if place[: len(path)] == path or path[: len(place)] == place:
            return f"override '{short(text)}'"
    return document.where(place)
