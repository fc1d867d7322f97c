"""What is known about a run besides its numbers: plan, versions, command, and what each stage cost."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from dormouse.config.parts import part_from
from dormouse.config.registry import DETECTORS
from dormouse.detection.base import Detector
from dormouse.errors import UserError
from dormouse.report.claims.claim import AFTER_SCRATCHPAD
from dormouse.runs.folder import RunFolder


@dataclass(frozen=True)
class StageCost:
    """One stage of the run and what it took; None where that was not recorded."""

    name: str
    kind: str
    labels: dict[str, Any]
    seconds: float | None
    peak_memory_mb: float | None
    cached: bool
    failed: str | None


@dataclass(frozen=True)
class RunFacts:
    """`run.json` and `plan.yaml` of a run folder."""

    experiment: str
    title: str
    command: str
    compute: str
    """Device, processes, threads and number format."""
    started: str
    finished: str
    versions: dict[str, str] = field(default_factory=dict)
    stages: tuple[StageCost, ...] = ()
    plan: dict[str, Any] = field(default_factory=dict)
    plan_text: str = ""

    @property
    def failures(self) -> list[StageCost]:
        """Stages that failed."""
        return [stage for stage in self.stages if stage.failed]

    @property
    def is_zoo(self) -> bool:
        """Whether the plan drew its cells from the grid."""
        return self.plan.get("draw") is not None

    def training_types(self) -> dict[str, str]:
        """Return each safety training's registered type, by its name in the plan.

        Training on replies after the organism's own scratchpad is another thing and a type of its own.
        """
        trainings = self.plan.get("safety") or {}
        return {name: _type(name, settings) for name, settings in trainings.items()}

    def removal_types(self) -> dict[str, str]:
        """Return each removal's registered type, by its name in the plan, in the plan's order."""
        removals = self.plan.get("remove") or {}
        return {name: _type(name, settings) for name, settings in removals.items()}

    def detectors(self) -> dict[str, Detector]:
        """Return the plan's detectors, by their names in it."""
        settings = self.plan.get("detect") or {}
        return {name: part_from(DETECTORS, given) for name, given in (settings.get("detectors") or {}).items()}

    def part(self, *path: str) -> str:
        """Return the `type:` of a part of the plan, empty where it is not written."""
        node: Any = self.plan
        for key in path:
            node = node.get(key) if isinstance(node, dict) else None
        if isinstance(node, dict):
            node = node.get("type")
        return str(node) if node else ""


def load_facts(run_folder: Path) -> RunFacts:
    """Read `run.json` and `plan.yaml`; a value that is not there is left empty."""
    folder = RunFolder(run_folder)
    plan_text, recorded = folder.plan_text(), folder.recorded()
    if plan_text is None or recorded is None:
        missing = folder.plan.name if plan_text is None else folder.record.name
        raise UserError(f"{run_folder} has no {missing}, so it is not a finished run. Run the plan: dormouse run.")
    try:
        plan = yaml.safe_load(plan_text)
    except yaml.YAMLError as error:
        why = " ".join(str(error).split())
        raise UserError(f"File '{folder.plan}' is damaged ({why}). {folder.remedy}") from None
    return RunFacts(
        experiment=str(recorded.get("experiment") or run_folder.name),
        title=str(recorded.get("title") or ""),
        command=_command(recorded.get("command")),
        compute=str(recorded.get("threads") or recorded.get("device") or ""),
        started=str(recorded.get("started") or ""),
        finished=str(recorded.get("finished") or ""),
        versions={str(name): str(version) for name, version in (recorded.get("versions") or {}).items()},
        stages=tuple(_stage(stage) for stage in recorded.get("stages") or ()),
        plan=plan if isinstance(plan, dict) else {},
        plan_text=plan_text,
    )


def _command(command: Any) -> str:
    return " ".join(command) if isinstance(command, list) else str(command or "")


def _stage(recorded: dict[str, Any]) -> StageCost:
    return StageCost(
        name=str(recorded.get("name", "")),
        kind=str(recorded.get("kind", "")),
        labels=dict(recorded.get("labels") or {}),
        seconds=recorded.get("seconds"),
        peak_memory_mb=recorded.get("peak_memory_mb"),
        cached=bool(recorded.get("cached")),
        failed=recorded.get("failed") or None,
    )


def _type(name: str, settings: Any) -> str:
    if not isinstance(settings, dict):
        return str(settings)
    kind = str(settings.get("type", name))
    return AFTER_SCRATCHPAD if kind == "sft" and settings.get("scratchpad") == "after" else kind
