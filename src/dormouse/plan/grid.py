"""The grid: every combination of a plan's axes and seeds, as experiments with one value for each setting."""

from __future__ import annotations

import itertools
import json
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from dormouse.config.limits import CELLS, LARGEST_SEED, PATH
from dormouse.errors import UserError, short
from dormouse.plan.checks import check_together
from dormouse.plan.errors import dotted as dotted_place
from dormouse.plan.errors import plan_error, shown
from dormouse.plan.experiment import Experiment
from dormouse.plan.overrides import (
    Path,
    Settings,
    assign,
    every_setting,
    split,
    value_at,
)
from dormouse.plan.yaml_text import Place

NOT_AXES = {
    "name": "A run has one name",
    "title": "A run has one title",
    "seeds": "Seeds have their own key, 'seeds: [0, 1]'",
    "grid": "A grid cannot hold a grid",
    "draw": "How many are drawn is one number",
    "execute": "How stages run does not change a result",
}


@dataclass(frozen=True)
class Cell:
    """One combination: an experiment without grid and with one seed, and the values that set it apart."""

    experiment: Experiment
    coordinates: dict[str, Any]
    """Dotted path -> the value in this cell, in the plan's order."""

    @property
    def seed(self) -> int:
        """The cell's only seed."""
        return self.experiment.seeds[0]

    def variant(self, *, leave_out: tuple[str, ...] = (), brief: bool = False) -> str:
        """Return the coordinates as "a.b=1;c.d=2", without those that have a column of their own.

        In brief, a part is its type and other groups of settings are left out: enough where a seed tells cells apart.
        """
        kept = {path: value for path, value in self.coordinates.items() if path not in leave_out}
        if brief:
            types = {path: value.get("type") if isinstance(value, dict) else value for path, value in kept.items()}
            kept = {path: value for path, value in types.items() if value is not None}
        return ";".join(f"{path}={_label(value)}" for path, value in kept.items())


def cells(experiment: Experiment, where: Callable[[Place], str] = dotted_place) -> list[Cell]:
    """Return the product of the grid's axes, in the plan's order, with the seeds varying fastest.

    An axis that names no setting, is empty, repeats a value or holds one out of range is a `UserError`;
    `where` says in which file and line a place of the plan is.
    """
    for axis, values in experiment.grid.items():
        _check_axis(axis, values, where(("grid", axis)))
    _check_number(experiment, where)
    if len(set(experiment.seeds)) < len(experiment.seeds):
        repeated = shown(list(experiment.seeds))
        raise UserError(f"'seeds' repeats a value: {repeated} ({where(('seeds',))}). List each seed once.")
    template = every_setting(experiment) | {"grid": {}, "draw": None}
    # A part must be chosen before its settings are changed: `a.b` before `a.b.c`.
    order = sorted(experiment.grid, key=lambda axis: len(split(axis)))
    made = []
    for point, seeds in _points(experiment, where):
        resolved, coordinates = _resolve(template, point, order, where)
        made += [Cell(resolved.model_copy(update={"seeds": (seed,)}), coordinates) for seed in seeds]
    _check_twin_doses(experiment, made, where)
    return made


def _check_number(experiment: Experiment, where: Callable[[Place], str]) -> None:
    """Raise `UserError` where there are too many cells, counted before any is made, or members beyond the last seed."""
    if experiment.draw is not None:
        last = experiment.seeds[0] + experiment.draw - 1
        if last > LARGEST_SEED:
            raise UserError(
                f"'draw' counts the members' seeds from {experiment.seeds[0]} to {last} ({where(('draw',))}), and the "
                f"largest seed is {LARGEST_SEED}. Begin with a smaller one."
            )
        return
    counts = [*map(len, experiment.grid.values()), len(experiment.seeds)]
    if (number := math.prod(counts)) > CELLS:
        raise UserError(
            f"The grid and the seeds make {' x '.join(map(str, counts))} = {number} cells ({where(('grid',))}), and a "
            f"plan has at most {CELLS}. List fewer values, or draw some of the cells: draw=100."
        )


def _check_twin_doses(experiment: Experiment, made: list[Cell], where: Callable[[Place], str]) -> None:
    doses = {training.dose for cell in made for training in cell.experiment.safety.values()}
    for i, dose in enumerate(experiment.twin_doses or ()):
        if dose not in doses:
            there = ", ".join(f"{one:g}" for one in sorted(doses)) or "there is none"
            raise UserError(
                f"'twin_doses' holds {dose:g} ({where(('twin_doses', i))}), a dose of no safety training: {there}. "
                "List doses of theirs, or null for all."
            )


def _points(experiment: Experiment, where: Callable[[Place], str]) -> Iterator[tuple[dict[str, Any], tuple[int, ...]]]:
    """Yield each combination and its seeds: all of them, or as many as are drawn."""
    if experiment.draw is None:
        for values in itertools.product(*experiment.grid.values()):
            yield dict(zip(experiment.grid, values, strict=True)), experiment.seeds
        return
    if len(experiment.seeds) > 1:
        raise UserError(
            f"'draw' gives every member a seed of its own, counted from the first, and 'seeds' lists several "
            f"({where(('seeds',))}). Give the first seed alone."
        )
    first = experiment.seeds[0]
    columns = {axis: _drawn(axis, values, first) for axis, values in experiment.grid.items()}
    for member in range(experiment.draw):
        yield {axis: next(column) for axis, column in columns.items()}, (first + member,)


def _drawn(axis: str, values: tuple[Any, ...], seed: int) -> Iterator[Any]:
    """Yield an axis's values without end: all of them in random order, then all again in another.

    However many are taken, none came twice more than any other; and taking more leaves the first as they were.
    """
    rng = random.Random(f"draw/{axis}/{seed}")
    while True:
        yield from rng.sample(values, len(values))


def _check_axis(axis: str, values: tuple[Any, ...], place: str) -> None:
    if len(axis) > PATH:
        raise UserError(f"Grid axis '{short(axis)}' ({place}) names no setting. Write path.to.key: [a, b].")
    reason = NOT_AXES.get(split(axis)[0])
    if reason:
        raise UserError(f"'{axis}' cannot be a grid axis ({place}). {reason}.")
    if not values:
        raise UserError(f"Grid axis '{axis}' has no values ({place}). List at least one, or remove the axis.")
    seen: set[str] = set()
    for value in values:
        text = json.dumps(value, sort_keys=True)
        if text in seen:
            raise UserError(f"Grid axis '{axis}' repeats {shown(value)} ({place}). List each value once.")
        seen.add(text)


def _resolve(
    template: Settings, point: dict[str, Any], order: list[str], where: Callable[[Place], str]
) -> tuple[Experiment, dict[str, Any]]:
    settings, origins = template, dict[Path, str]()
    for axis in order:
        settings, places = assign(settings, axis, point[axis], f"Grid axis '{axis}' ({where(('grid', axis))})")
        origins |= dict.fromkeys(places, axis)
    try:
        experiment = Experiment.model_validate(settings)
    except ValidationError as error:
        raise plan_error(error, lambda place: _spot(place, origins, where)) from error
    check_together(experiment, lambda place: _spot(place, origins, where))
    firsts = {axis: path for path, axis in reversed(origins.items())}
    after = every_setting(experiment)
    return experiment, {axis: _coordinate(after, firsts.get(axis), value) for axis, value in point.items()}


def _origin(place: Place, origins: dict[Path, str]) -> str | None:
    """Return the axis that set a place: the longest above it, else one below it; None where none did."""
    above = [path for path in origins if place[: len(path)] == path]
    below = [path for path in origins if path[: len(place)] == place]
    return origins[max(above or below, key=len)] if above or below else None


def _spot(place: Place, origins: dict[Path, str], where: Callable[[Place], str]) -> str:
    axis = _origin(place, origins)
    return where(place) if axis is None else where(("grid", axis))


def _coordinate(settings: Settings, path: Path | None, given: Any) -> Any:
    """Return the value as the experiment holds it (`0.5` for `"0.5"`), or as given for a part or a removed one."""
    if path is None or given is None or isinstance(given, dict):
        return given
    held = value_at(settings, path)
    return given if isinstance(held, dict) else held


def _label(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
