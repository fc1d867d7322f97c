"""`dormouse plan`: says what a plan would make and cost, or prints a command for each cell, to run on machines."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from itertools import takewhile

from dormouse.cli.arguments import Choice
from dormouse.cli.console import print_json, print_line
from dormouse.cli.cost import estimate, print_estimate
from dormouse.config.limits import NAME
from dormouse.plan.grid import Cell


def shell_lines(choice: Choice) -> Iterator[str]:
    """Yield a command for each cell; it makes what the cell needs, and waits for what another command is making.

    Each cell has its own run folder. `choice.command("run")` then finds every stage done and gathers the results.
    """
    words = list(takewhile(lambda word: not word.startswith("--"), choice.arguments))
    made = choice.cells
    digits = len(str(len(made)))
    name = choice.experiment.name[: NAME - digits - 1]
    # As in the grid, a part is chosen before its settings are changed.
    axes = sorted(choice.experiment.grid, key=lambda axis: axis.count("."))
    for number, cell in enumerate(made, start=1):
        point = [f"{axis}={json.dumps(cell.coordinates[axis], ensure_ascii=False)}" for axis in axes]
        own = [f"name={name}-{number:0{digits}}", "grid={}", "draw=null", f"seeds=[{cell.seed}]"]
        own += _twin_dose_overrides(cell)
        yield shlex.join(["dormouse", "run", *words, *own, *point, "--store", str(choice.store.root)])


def _twin_dose_overrides(cell: Cell) -> list[str]:
    """Make the override that keeps only the twin's doses of this cell; the others belong to other cells."""
    doses = cell.experiment.twin_doses
    if doses is None:
        return []
    own = {training.dose for training in cell.experiment.safety.values()}
    return [f"twin_doses={json.dumps([dose for dose in doses if dose in own])}"]


def describe(choice: Choice, *, shell: bool, as_json: bool, gpu: str = "", measure: bool = False) -> None:
    """Print the commands, or the numbers of cells and of stages of each kind, and what they are estimated to cost."""
    if shell:
        for line in shell_lines(choice):
            print_line(line)
        print_line(f"# When all have ended: {shlex.join(choice.command('run'))}")
        return
    made = choice.cells
    found = estimate(choice, gpu=gpu, measure=measure)
    if as_json:
        axes = {axis: list(values) for axis, values in choice.experiment.grid.items()}
        about = {"experiment": choice.experiment.name, "cells": len(made), "axes": axes}
        stages = {kind: total.stages for kind, total in found.kinds.items()}
        print_json({**about, "seeds": list(choice.experiment.seeds), "stages": stages, "cost": found.described()})
        return
    print_estimate(found)
    print_line(f"{choice.experiment.name}: {len(made)} cells, {found.whole.stages} stages.")
