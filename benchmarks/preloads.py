"""Seconds of a small detector's stage by what was imported before its worker was forked, as a share of the longest.

python benchmarks/preloads.py [--rounds 7]
"""

from __future__ import annotations

import argparse
import multiprocessing
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

from dormouse.execute.engine import How
from dormouse.execute.events import Finished, Started
from dormouse.execute.local import PRELOAD, run_local
from dormouse.execute.preload import MODULES
from dormouse.plan.experiment import Experiment
from dormouse.plan.graph import build_plan
from dormouse.store.kinds import DETECT, KINDS
from dormouse.store.store import Store

T = TypeVar("T")

DETECTORS = ("weight_change", "bag_of_words", "mahalanobis")
PRELOADS = {
    "the trainers": MODULES,
    "and patterns of weight names": PRELOAD,
    "and detectors' libraries": (*PRELOAD, KINDS[DETECT].preload),
}


def experiment(rounds: int) -> Experiment:
    """Return a plan whose models take seconds, with every detector as often as there are rounds."""
    detectors = {f"{name}_{i}": {"type": name} for i in range(rounds) for name in DETECTORS}
    return Experiment.model_validate(
        {
            "name": "preloads",
            "base": {"type": "nursery", "size": 50_000, "steps": 20},
            "helpful": {"steps": 5},
            "organism": {"implant": {"steps": 5}},
            "re_emergence": None,
            "detect": {"detectors": detectors, "prompts": 64, "clean": 128, "poisoned": 32},
        }
    )


def make_models(folder: Path) -> None:
    """Make what the detectors judge."""
    kinds = ("tokenizer", "base", "helpful", "organism")
    run_local([stage for stage in build_plan(experiment(1)).stages if stage.kind in kinds], Store(folder))


def seconds(folder: Path, preload: tuple[str, ...], rounds: int) -> dict[str, float]:
    """Return the median time between a stage's start and its end, by detector."""
    stages = build_plan(experiment(rounds)).stages
    judged = [stage for stage in stages if stage.kind == "detect" and stage.labels["role"] == "organism"]
    begun: dict[str, float] = {}
    taken: dict[str, list[float]] = defaultdict(list)

    def listen(event: object) -> None:
        if isinstance(event, Started):
            begun[event.stage.key] = time.perf_counter()
        elif isinstance(event, Finished):
            detector = event.stage.labels["detector"].rpartition("_")[0]
            taken[detector].append(time.perf_counter() - begun[event.stage.key])

    run_local(judged, Store(folder), How(on_event=listen), workers=1, preload=preload)
    return {name: median(found[1:]) for name, found in taken.items()}


def alone(function: Callable[..., T], *arguments: Any) -> T:
    """Return what a function returns in a process of its own.

    Workers are forked from a process that imports once and lives as long as the one that began it.
    """
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        models = Path(folder) / "models"
        alone(make_models, models)
        for i, (name, preload) in enumerate(PRELOADS.items()):
            store = shutil.copytree(models, Path(folder) / str(i))
            found[name] = alone(seconds, store, tuple(preload), arguments.rounds + 1)
    for detector in DETECTORS:
        longest = max(one[detector] for one in found.values())
        shares = ", ".join(f"{name} {one[detector] / longest:.2f}" for name, one in found.items())
        print(f"{detector} ({longest:.2f} s): {shares}")


if __name__ == "__main__":
    main()
