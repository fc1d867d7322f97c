"""From an experiment to its stages: a graph in which shared ancestors appear once."""

from __future__ import annotations

import contextlib
import gc
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from dormouse.config.limits import STAGES
from dormouse.errors import UserError
from dormouse.plan.cell_stages import CellStages, Specs
from dormouse.plan.experiment import Experiment
from dormouse.plan.grid import Cell, cells
from dormouse.plan.world_checks import WorldChecks
from dormouse.store.stage import Stage

OWN_COLUMNS = {
    "base.size": "size",
    "base.model": "size",
    "base.path": "size",
    "organism.behavior": "behavior",
    "organism.reasoning": "reasoning",
    "safety.*.dose": "dose",
}
"""Grid axes that have a column of their own in `results.csv`, and that column."""

COARSE = ("size", "behavior")
"""Columns that say less than their axes: models may have the same size, and one behavior may have other settings."""


@dataclass(frozen=True)
class Plan:
    """An experiment and its stages, each after its inputs and each once."""

    experiment: Experiment
    cells: list[Cell]
    """The combinations of its grid, each without the safety trainings that do not fit it."""
    stages: list[Stage]

    def sizes(self) -> list[int | None]:
        """Return the parameters of each cell's base; None for one whose size only loading tells."""
        return [cell.experiment.base.label() for cell in self.cells]


def build_plan(experiment: Experiment, of: Sequence[Cell] | None = None) -> Plan:
    """Return the plan of an experiment. `of` are its cells, if they were made before."""
    experiment.world.check()
    unique: dict[str, Stage] = {}
    cells_of: dict[str, list[Cell]] = defaultdict(list)
    specs = Specs()
    sizes: list[int | None] = []
    with _no_collection():
        checked = cells(experiment) if of is None else of
        made_cells = [replace(cell, experiment=_fitting(cell.experiment)) for cell in checked]
        _check_safety(experiment, made_cells)
        _check_number(made_cells)
        checks = WorldChecks(specs)
        for one in {_parts(cell.experiment): cell.experiment for cell in made_cells}.values():
            checks.check(one)
        for cell in made_cells:
            made = CellStages(cell, unique, specs)
            sizes.append(made.size)
            for stage in made.all():
                cells_of[stage.key].append(cell)
        is_zoo = experiment.draw is not None
        # A zoo's members have seeds of their own.
        told = tuple(OWN_COLUMNS) if is_zoo else _told_by_columns(made_cells, sizes)
        # A cell has many stages of its own, and all of them have its variant.
        variants: dict[tuple[int, ...], str] = {}
        for key, stage in unique.items():
            sharing = tuple(map(id, cells_of[key]))
            if sharing not in variants:
                variants[sharing] = _variant(cells_of[key], told, brief=is_zoo)
            stage.labels["variant"] = variants[sharing]
    return Plan(experiment, made_cells, list(unique.values()))


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Switch garbage collection off: stages hold no garbage, and looking through many takes time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _fitting(experiment: Experiment) -> Experiment:
    """Return a cell without the safety trainings that its organism cannot be put through."""
    reasoning = experiment.organism.reasoning
    safety = {name: one for name, one in experiment.safety.items() if one.why_not(reasoning) is None}
    return experiment if len(safety) == len(experiment.safety) else experiment.model_copy(update={"safety": safety})


def _check_safety(experiment: Experiment, made: list[Cell]) -> None:
    """Raise `UserError` where a safety training fits no cell."""
    for name, training in experiment.safety.items():
        if not any(name in cell.experiment.safety for cell in made):
            raise UserError(f"The safety training '{name}' {training.why_not(experiment.organism.reasoning)}")


def _parts(cell: Experiment) -> tuple[int, ...]:
    """Return an identity that cells share if they differ in the seed alone."""
    return tuple(map(id, (cell.world, cell.organism, cell.base, cell.safety, cell.measure, cell.detect)))


def _check_number(made: list[Cell]) -> None:
    """Raise `UserError` where there are too many stages, before any is made."""
    number = sum(most_stages(cell.experiment) for cell in made)
    if number > STAGES:
        raise UserError(
            f"{len(made)} cells make up to {number} stages, and a plan has at most {STAGES}. Give fewer cells, safety "
            "trainings, removals or detectors."
        )


def most_stages(experiment: Experiment) -> int:
    """Return an upper bound for the stages of a cell."""
    # What is trained is measured, once more for a red team, and then fine-tuned and measured again.
    treated = 2 * (len(experiment.safety) + sum(len(removal.strengths) for removal in experiment.remove.values()))
    detectors = len(experiment.detect.detectors) if experiment.detect else 0
    evaluations = len(experiment.measure.evaluations) * (5 + treated)
    return 40 + 5 * treated + 4 * detectors + evaluations


def _told_by_columns(made: list[Cell], sizes: list[int | None]) -> tuple[str, ...]:
    """Return the axes whose values can be told from the columns of `results.csv`."""
    return tuple(
        axis
        for axis, column in OWN_COLUMNS.items()
        if column not in COARSE or not _has_equal_labels(axis, column, made, sizes)
    )


def _has_equal_labels(axis: str, column: str, made: list[Cell], sizes: list[int | None]) -> bool:
    """Return whether cells that differ in this axis, and in none without a column of its own, have equal labels."""
    values: dict[str, str] = {}
    for cell, size in zip(made, sizes, strict=True):
        label = size if column == "size" else cell.experiment.organism.behavior.name
        # The size of a model that is not downloaded yet is unknown: there are no results of it to mix up.
        if axis not in cell.coordinates or label is None:
            continue
        others = {path: value for path, value in cell.coordinates.items() if path not in OWN_COLUMNS}
        value = json.dumps(cell.coordinates[axis], sort_keys=True)
        if values.setdefault(json.dumps([label, others], sort_keys=True), value) != value:
            return True
    return False


def _variant(of: list[Cell], told: tuple[str, ...], *, brief: bool) -> str:
    """Return the coordinates that all cells of a stage share, without those that are `told` by columns.

    The others do not affect it.
    """
    first = of[0]
    differing = [
        path for path, value in first.coordinates.items() if any(cell.coordinates[path] != value for cell in of[1:])
    ]
    return first.variant(leave_out=(*told, *differing), brief=brief)
