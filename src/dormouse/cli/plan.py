"""`dormouse plan`: what a plan comes to, and a command for each of its cells, to be spread over machines."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Iterator
from itertools import takewhile

from dormouse.cli.arguments import Choice
from dormouse.cli.console import (
    out,
    print_json,
    print_line,
    table,
)
from dormouse.config.limits import NAME
from dormouse.plan.grid import Cell


def shell_lines(choice: Choice) -> Iterator[str]:
    """Yield a command for each cell; each makes what its cell needs and waits where another one is making it.

    A cell has a run folder of its own. What gathers them is `choice.command("run")`: it finds every stage done.
    """
    words = list(takewhile(lambda word: not word.startswith("--"), choice.arguments))
    made = choice.cells
    digits = len(str(len(made)))
    name = choice.experiment.name[: NAME - digits - 1]
    # A part is chosen before its settings are changed, as in the grid.
    axes = sorted(choice.experiment.grid, key=lambda axis: axis.count("."))
    for number, cell in enumerate(made, start=1):
        point = [f"{axis}={json.dumps(cell.coordinates[axis], ensure_ascii=False)}" for axis in axes]
        own = [f"name={name}-{number:0{digits}}", "grid={}", "draw=null", f"seeds=[{cell.seed}]"]
        own += _twin_doses(cell)
        yield shlex.join(["dormouse", "run", *words, *own, *point, "--store", str(choice.store.root)])


def _twin_doses(cell: Cell) -> list[str]:
    """Return the override that leaves of the twin's doses those of the cell: the others are of other cells."""
    doses = cell.experiment.twin_doses
    if doses is None:
        return []
    own = {training.dose for training in cell.experiment.safety.values()}
    return [f"twin_doses={json.dumps([dose for dose in doses if dose in own])}"]


def describe(choice: Choice, *, shell: bool, as_json: bool) -> None:
    """Print the commands, or how many cells and stages of each kind a plan has."""
    if shell:
        for line in shell_lines(choice):
            print_line(line)
        print_line(f"# When all have ended: {shlex.join(choice.command('run'))}")
        return
    made = choice.cells
    kinds = Counter(stage.kind for stage in choice.plan().stages)
    if as_json:
        axes = {axis: list(values) for axis, values in choice.experiment.grid.items()}
        about = {"experiment": choice.experiment.name, "cells": len(made), "axes": axes}
        print_json({**about, "seeds": list(choice.experiment.seeds), "stages": dict(kinds)})
        return
    shown = table("stage", "number", right=("number",))
    for kind, n in kinds.items():
        shown.add_row(kind, str(n))
    out().print(shown)
    print_line(f"{choice.experiment.name}: {len(made)} cells, {sum(kinds.values())} stages.")
