"""The folder of a run: the resolved plan, the exact command, what it cost, and where results and report go."""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import dormouse
from dormouse.artifact_files import replace_file
from dormouse.compute import Compute
from dormouse.execute.events import Outcome
from dormouse.experiment import Experiment
from dormouse.plan import Plan
from dormouse.plan_file import dump
from dormouse.stage import Stage
from dormouse.store import Store

RECORDED = ("torch", "transformers", "trl")


@dataclass(frozen=True)
class RunFolder:
    """`<store>/runs/<plan's name>/`."""

    path: Path

    @property
    def plan(self) -> Path:
        """The plan with every default and override written out."""
        return self.path / "plan.yaml"

    @property
    def results(self) -> Path:
        """The table, a row a number."""
        return self.path / "results.csv"

    @property
    def report(self) -> Path:
        """The page."""
        return self.path / "report.html"

    @property
    def record(self) -> Path:
        """The command and what became of it: times and costs are here, so that the table holds none."""
        return self.path / "run.json"

    def is_of(self, experiment: Experiment) -> bool:
        """Return whether the folder holds the record of exactly this experiment."""
        return self.plan.is_file() and self.record.is_file() and self.plan.read_text("utf-8") == dump(experiment)

    def command(self) -> str:
        """Return the command that made the folder."""
        return str(json.loads(self.record.read_text("utf-8"))["command"])

    def start(self, experiment: Experiment, command: list[str], compute: Compute) -> None:
        """Write the resolved plan and the command."""
        self.path.mkdir(parents=True, exist_ok=True)
        replace_file(self.plan, dump(experiment))
        self._record(
            {
                "experiment": experiment.name,
                "title": experiment.title,
                "command": shlex.join(command),
                "device": compute.device,
                "threads": str(compute),
                "versions": _versions(),
                "started": _now(),
                "finished": None,
                "stages": [],
            }
        )

    def finish(self, plan: Plan, store: Store, outcome: Outcome) -> None:
        """Note when the run ended, and what became of every stage and what it cost."""
        cached = {stage.name for stage in outcome.cached}
        stages = [_cost(stage, store, outcome, cached=stage.name in cached) for stage in plan.stages]
        before = json.loads(self.record.read_text("utf-8"))
        self._record({**before, "finished": _now(), "outcome": outcome.counts(), "stages": stages})

    def _record(self, content: dict[str, Any]) -> None:
        replace_file(self.record, json.dumps(content, indent=1) + "\n")


def _cost(stage: Stage, store: Store, outcome: Outcome, *, cached: bool) -> dict[str, Any]:
    manifest = store.manifest(stage) if store.has(stage) else {}
    failure = outcome.failed.get(stage.name)
    return {
        "name": stage.name,
        "kind": stage.kind,
        "labels": stage.labels,
        "seconds": manifest.get("seconds"),
        "peak_memory_mb": manifest.get("peak_memory_mb"),
        "cached": cached,
        "failed": failure.message if failure else None,
    }


def _versions() -> dict[str, str]:
    versions = {"dormouse": dormouse.__version__, "python": sys.version.split()[0]}
    for name in RECORDED:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
