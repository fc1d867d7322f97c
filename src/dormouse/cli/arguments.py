"""Reads a command line: the plan, its overrides, the store, and the command to repeat it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from dormouse.config.limits import SEEDS
from dormouse.errors import UserError, short
from dormouse.plan import file as plan_file
from dormouse.plan.experiment import Experiment
from dormouse.plan.graph import Plan, build_plan
from dormouse.plan.grid import Cell
from dormouse.store.store import Store

DEFAULT_PLAN = "quickstart"


@dataclass(frozen=True)
class Choice:
    """The experiment and the store that a command line names."""

    experiment: Experiment
    cells: list[Cell]
    """The combinations of its grid."""
    store: Store
    arguments: list[str]
    """The command line after the verb, with the default plan written out."""

    def plan(self) -> Plan:
        """Return the stages of every cell."""
        return build_plan(self.experiment, self.cells)

    def command(self, verb: str) -> list[str]:
        """Return the command that applies `verb` to the same choice."""
        return ["dormouse", verb, *self.arguments]


def choose(
    words: list[str] | None,
    store: Path,
    seeds: str | None = None,
    workers: int | None = None,
    *,
    default: str = DEFAULT_PLAN,
) -> Choice:
    """Read the plan with its overrides, `--seeds` and `--workers` included; `default` is the plan if none is named."""
    plan, overrides = _split(words or [], default)
    arguments = [plan, *overrides]
    if seeds is not None:
        overrides = [*overrides, f"seeds={_parse_seeds(seeds)}"]
        arguments += ["--seeds", seeds]
    if workers is not None:
        overrides = [*overrides, f"execute.workers={workers}"]
        arguments += ["--workers", str(workers)]
    arguments += ["--store", str(store)]
    loaded = plan_file.load_with_cells(plan, overrides)
    return Choice(loaded.experiment, loaded.cells, Store(store), arguments)


def _split(words: list[str], default: str) -> tuple[str, list[str]]:
    is_plan = bool(words) and ("=" not in words[0] or plan_file.is_file(words[0]))
    plan, overrides = (words[0], words[1:]) if is_plan else (default, words)
    for word in overrides:
        if "=" not in word:
            raise UserError(
                f"'{short(word)}' is not an override. Write path.to.key=value; only the first word can be a plan."
            )
    return plan, overrides


def _parse_seeds(text: str) -> list[int]:
    seed = "[0-9]{1,10}"
    if match := re.fullmatch(f"({seed})-({seed})", text):
        first, last = int(match[1]), int(match[2])
        if last - first >= SEEDS:
            raise UserError(f"'{text}' is {last - first + 1} seeds. Give at most {SEEDS}.")
        if first <= last:
            return list(range(first, last + 1))
    elif re.fullmatch(f"{seed}(,{seed})*", text):
        return [int(seed) for seed in text.split(",")]
    raise UserError(f"'{short(text)}' is not a list or range of seeds. Write --seeds 0,1,2 or --seeds 0-4.")
