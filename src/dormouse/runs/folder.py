"""Reads and writes a run's folder: plan, command, results and report.

Runs of one name with different settings have different folders. A finished run is replaced only by a finished run.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shlex
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock, Timeout
from pydantic import ValidationError

import dormouse
from dormouse.errors import UserError
from dormouse.execute.compute import Compute
from dormouse.execute.events import Outcome
from dormouse.machine.files import replace_file
from dormouse.plan.experiment import Experiment
from dormouse.plan.file import dump
from dormouse.plan.graph import Plan
from dormouse.plan.yaml_text import parse
from dormouse.store.sealed import (
    read_record,
    read_text,
    sealed,
    sealed_text,
)
from dormouse.store.stage import Stage
from dormouse.store.store import Store

RECORDED = ("torch", "transformers", "trl")

NO_RESULT = {"title", "execute"}
"""Settings that change no number. Runs that differ only in these share a folder."""

STAGING = ".staging-"
"""Begins the name of the folder in which a process writes what it is about to publish; its process id ends it."""

FIRST_OF_PLAN, FIRST_OF_RECORD = "name: ", "experiment"
"""First key of plans and records from before they had checksums."""

CLAIMED = "artifacts"
"""The key of the file that lists what a run that has begun needs."""

SECONDS_TO_WAIT = 60
"""How long another process may take to move its files into place."""


@dataclass(frozen=True)
class RunFolder:
    """`<store>/runs/<plan's name>/`, or `<name>.<digits>/` where runs with other settings came first."""

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
        """The report."""
        return self.path / "report.html"

    @property
    def record(self) -> Path:
        """The command and what became of it: times and costs are here, so that the table holds none."""
        return self.path / "run.json"

    @property
    def claims(self) -> Path:
        """The artifacts of runs that have begun here, until one of them ends with every stage."""
        return self.path / "begun.json"

    @property
    def files(self) -> tuple[Path, ...]:
        """The files of a run that has ended. The record is moved into place last, because it describes the others."""
        return (self.plan, self.results, self.report, self.record)

    @property
    def unfinished(self) -> RunFolder:
        """Where an incomplete run's results go while those of a finished one stay."""
        return RunFolder(self.path / "unfinished")

    def plan_text(self) -> str | None:
        """Return the plan as it was written, None where there is none; `UserError` where it is damaged."""
        return read_text(self.plan, FIRST_OF_PLAN, self.remedy)

    def recorded(self) -> dict[str, Any] | None:
        """Return what the record holds, None where there is none; `UserError` where it is damaged."""
        return read_record(self.record, FIRST_OF_RECORD, self.remedy)

    def claimed(self) -> set[str]:
        """Return the names of the artifacts that runs which have begun here need; `UserError` where their file is
        damaged."""
        held = read_record(self.claims, CLAIMED, self.remedy)
        return set(held[CLAIMED]) if held else set()

    @property
    def remedy(self) -> str:
        """Advice for a damaged file of the folder."""
        return f"Move the folder '{self.path}' elsewhere: dormouse report makes it again from the store."

    def holds(self, experiment: Experiment) -> bool:
        """Return whether the folder is of exactly this experiment, titles and ways to execute it aside."""
        text = self.plan_text()
        try:
            return text is not None and (
                text == dump(experiment) or _deciding(parse(text, "").data) == _deciding(experiment)
            )
        except (UserError, ValidationError):
            return False

    def is_of(self, experiment: Experiment) -> bool:
        """Return whether plan and record here are of this experiment to the letter."""
        return self.plan_text() == dump(experiment) and self.recorded() is not None

    def is_finished(self) -> bool:
        """Return whether the folder holds a finished run. A record that cannot be read counts as one, so that it is
        kept."""
        try:
            recorded = self.recorded()
        except UserError:
            return True
        outcome = recorded.get("outcome") if recorded else None
        return outcome is not None and not any(n for name, n in outcome.items() if name not in ("finished", "cached"))


@dataclass(frozen=True)
class Begun:
    """A run that has started."""

    experiment: Experiment
    command: str
    """Quoted for a shell."""
    compute: Compute
    started: str

    def record(self) -> dict[str, Any]:
        """Return what is known before the end."""
        return {
            "experiment": self.experiment.name,
            "title": self.experiment.title,
            "command": self.command,
            "device": self.compute.device,
            "threads": str(self.compute),
            "versions": _versions(),
            "started": self.started,
            "finished": None,
            "stages": [],
        }


def begin(experiment: Experiment, command: list[str], compute: Compute) -> Begun:
    """Note when a run started, by which command."""
    return Begun(experiment, shlex.join(command), compute, _now())


def folder_of(store: Store, experiment: Experiment) -> RunFolder:
    """Return the folder of a run: that of its name, unless a run with other settings has it."""
    plain = RunFolder(store.run_folder(experiment.name))
    if not plain.plan.exists() or plain.holds(experiment):
        return plain
    settings = json.dumps(_deciding(experiment), sort_keys=True)
    # No name of a plan holds a dot.
    return RunFolder(store.run_folder(f"{experiment.name}.{hashlib.sha256(settings.encode()).hexdigest()[:8]}"))


def claim(store: Store, begun: Begun, plan: Plan) -> RunFolder:
    """Return the run's folder, with plan and command written into it unless a finished run's stand there.

    The names of the plan's artifacts are written in any case: another environment may not arrive at the same ones.
    """
    with held(store):
        folder = folder_of(store, begun.experiment)
        folder.path.mkdir(parents=True, exist_ok=True)
        names = folder.claimed().union(stage.name for stage in plan.stages)
        replace_file(folder.claims, sealed({CLAIMED: sorted(names)}))
        if not folder.is_finished():
            replace_file(folder.plan, sealed_text(dump(begun.experiment)))
            _write(folder, begun.record())
    return folder


@contextlib.contextmanager
def staged(folder: RunFolder) -> Iterator[RunFolder]:
    """Yield a folder to write into, for `publish`; what is left of it at the end is removed."""
    staging = RunFolder(folder.path / f"{STAGING}{psutil.Process().pid}")
    _remove_abandoned(folder.path)
    staging.path.mkdir(parents=True, exist_ok=True)
    try:
        yield staging
    finally:
        shutil.rmtree(staging.path, ignore_errors=True)


def publish(store: Store, staging: RunFolder, folder: RunFolder, *, complete: bool) -> RunFolder:
    """Move what was written into place, all or none of it, and return where it went.

    That is `folder`, or `folder.unfinished` where an incomplete run would replace a finished one.
    """
    with held(store):
        # Writing takes seconds, in which another process may have published a finished run: so this is asked last.
        target = folder if complete or not folder.is_finished() else folder.unfinished
        target.path.mkdir(exist_ok=True)
        for new, old in zip(staging.files, target.files, strict=True):
            if new.exists():
                new.replace(old)
            else:
                old.unlink(missing_ok=True)
        if complete:
            shutil.rmtree(folder.unfinished.path, ignore_errors=True)
    return target


def write_end(folder: RunFolder, begun: Begun, plan: Plan, store: Store, outcome: Outcome) -> None:
    """Write the plan, and the record of when the run ended, what became of every stage and what it cost."""
    cached = {stage.name for stage in outcome.cached}
    stages = [_cost(stage, store, outcome, cached=stage.name in cached) for stage in plan.stages]
    counts = outcome.counts()
    to_do = len(plan.stages) - sum(counts.values())
    replace_file(folder.plan, sealed_text(dump(begun.experiment)))
    _write(
        folder,
        {
            **begun.record(),
            "finished": _now(),
            "outcome": counts | ({"to do": to_do} if to_do else {}),
            "stages": stages,
        },
    )


def release(store: Store, folder: RunFolder) -> None:
    """Forget what runs that have begun need, after one of them ended with every stage: its record lists them."""
    with held(store):
        folder.claims.unlink(missing_ok=True)


def copy_record(source: RunFolder, target: RunFolder) -> None:
    """Copy plan and record, so that the report can be made again."""
    for name in ("plan", "record"):
        shutil.copyfile(getattr(source, name), getattr(target, name))


def _write(folder: RunFolder, content: dict[str, Any]) -> None:
    replace_file(folder.record, sealed(content))


def _deciding(experiment: Any) -> dict[str, Any]:
    whole = experiment if isinstance(experiment, Experiment) else Experiment.model_validate(experiment)
    return whole.model_dump(mode="json", exclude=NO_RESULT)


def _remove_abandoned(path: Path) -> None:
    """Remove leftovers of processes that were killed while they published."""
    for folder in path.glob(f"{STAGING}*"):
        if not psutil.pid_exists(int(folder.name.removeprefix(STAGING))):
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def held(store: Store) -> Iterator[None]:
    """Keep other processes from claiming and publishing run folders meanwhile."""
    try:
        with FileLock(store.root / "locks" / "runs.lock", timeout=SECONDS_TO_WAIT):
            yield
    except Timeout:
        raise UserError(
            f"Another process has held the run folders of store '{store.root}' for {SECONDS_TO_WAIT} seconds. "
            "End it, or wait for it, and run the same command again."
        ) from None


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
