"""Plan files: YAML to `Experiment` and back, with overrides, and the plans that are shipped."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from dormouse import dotted
from dormouse.errors import UserError, did_you_mean
from dormouse.experiment import Experiment
from dormouse.grid import cells
from dormouse.plan_errors import plan_error
from dormouse.plan_yaml import Document, Place, parse, write


def load(plan: str | Path, overrides: list[str] | tuple[str, ...] = ()) -> Experiment:
    """Read a plan file, or a shipped plan by bare name, and apply `path.to.key=value` overrides in order.

    Every mistake is a `UserError` with file and line, or with the override that made it.
    """
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
    cells(experiment, lambda place: _origin(place, origins, document))
    return experiment


def dump(experiment: Experiment) -> str:
    """Return the experiment as YAML, defaults written out; `load` gives back an equal one."""
    return write(dotted.settings_of(experiment))


def shipped() -> dict[str, Path]:
    """Return the shipped plans by name."""
    package = Path(__file__).parent
    # In a checkout the folder is at the root; the wheel holds it inside the package.
    folders = [package / "experiments", package.parents[1] / "experiments"]
    return {file.stem: file for folder in reversed(folders) for file in sorted(folder.glob("*.yaml"))}


def _read(plan: str | Path) -> Document:
    path, known = Path(plan), shipped()
    name = str(plan)
    if str(plan) in known and not path.is_file():
        path, name = known[str(plan)], f"shipped plan '{plan}'"
    elif path.is_dir():
        raise UserError(f"'{plan}' is a directory. Give a plan file in it, or a shipped plan: {', '.join(known)}.")
    elif not path.exists():
        raise UserError(f"There is no plan '{plan}'.{_shipped_hint(str(plan), known)}")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"'{plan}' is not text: {error.reason}. Save it as UTF-8 YAML.") from error
    except OSError as error:
        raise UserError(f"'{plan}' cannot be read: {error.strerror}. Check its permissions.") from error
    return parse(text, name)


def _shipped_hint(plan: str, known: dict[str, Path]) -> str:
    return did_you_mean(plan, known).replace("Known:", "Give a path to a YAML file, or a shipped plan:")


def _override(
    experiment: Experiment, overrides: list[str] | tuple[str, ...], document: Document
) -> tuple[Experiment, dict[dotted.Path, str]]:
    settings, origins = dotted.every_setting(experiment), dict[dotted.Path, str]()
    for text in overrides:
        path, equals, value = text.partition("=")
        path = path.strip()
        if not equals or not path:
            raise UserError(f"'{text}' is no override. Write path.to.key=value, for example helpful.steps=100.")
        given = parse(value, f"override '{text}'").data
        settings, places = dotted.assign(settings, path, given, f"Override '{text}'")
        origins |= dict.fromkeys(places, text)
    try:
        return Experiment.model_validate(settings), origins
    except ValidationError as error:
        raise plan_error(error, lambda place: _origin(place, origins, document)) from error


def _origin(place: Place, origins: dict[dotted.Path, str], document: Document) -> str:
    """Return the last override that set a place, one above it or below it; else the file and line."""
    for path, text in reversed(origins.items()):
        if place[: len(path)] == path or path[: len(place)] == place:
            return f"override '{text}'"
    return document.where(place)
