"""Everything about a run except its numbers: its plan, versions, command, and the cost of each stage."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from dormouse.detection.base import Detector
from dormouse.errors import UserError
from dormouse.plan.experiment import Experiment
from dormouse.report.claims.claim import AFTER_SCRATCHPAD
from dormouse.runs.folder import RunFolder
from dormouse.safety.base import SafetyTraining
from dormouse.safety.trainings import HHHSFT


@dataclass(frozen=True)
class StageCost:
    """One stage of the run and its cost; None if it was not recorded."""

    name: str
    kind: str
    labels: dict[str, Any]
    seconds: float | None
    peak_memory_mb: float | None
    cached: bool
    failed: str | None


@dataclass(frozen=True)
class RunFacts:
    """The plan of a run and its `run.json`."""

    plan: Experiment
    plan_text: str = ""
    """`plan.yaml`, to show."""
    command: str = ""
    compute: str = ""
    """Device, processes, threads and number format."""
    started: str = ""
    finished: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    stages: tuple[StageCost, ...] = ()

    @property
    def title(self) -> str:
        """The plan's title, or its name if it has none."""
        return self.plan.title or self.plan.name

    @property
    def failures(self) -> list[StageCost]:
        """Stages that failed."""
        return [stage for stage in self.stages if stage.failed]

    @property
    def is_zoo(self) -> bool:
        """Whether the plan drew its cells from the grid."""
        return self.plan.draw is not None

    def training_types(self) -> dict[str, str]:
        """Return the type of each safety training by its name in the plan."""
        return {name: _training_type(training) for name, training in self.plan.safety.items()}

    def removal_types(self) -> dict[str, str]:
        """Return the type of each removal by its name in the plan, in the plan's order."""
        return {name: removal.name for name, removal in self.plan.remove.items()}

    def detectors(self) -> dict[str, Detector]:
        """Return the plan's detectors by name."""
        return dict(self.plan.detect.detectors) if self.plan.detect is not None else {}


def _training_type(training: SafetyTraining) -> str:
    """Return the registered type. SFT on replies after the organism's own scratchpad counts as another type."""
    after = isinstance(training, HHHSFT) and training.scratchpad == "after"
    return AFTER_SCRATCHPAD if after else training.name


def load_facts(folder: RunFolder, plan: Experiment) -> RunFacts:
    """Read `run.json` and the text of `plan.yaml`. Facts that were not recorded are left empty."""
    plan_text, recorded = folder.plan_text(), folder.recorded()
    if plan_text is None or recorded is None:
        missing = folder.plan.name if plan_text is None else folder.record.name
        raise UserError(f"{folder.path} has no {missing}, so it is not a finished run. Run the plan: dormouse run.")
    return RunFacts(
        plan,
        plan_text,
        command=_command(recorded.get("command")),
        compute=str(recorded.get("threads") or recorded.get("device") or ""),
        started=str(recorded.get("started") or ""),
        finished=str(recorded.get("finished") or ""),
        versions={str(name): str(version) for name, version in (recorded.get("versions") or {}).items()},
        stages=tuple(_stage(stage) for stage in recorded.get("stages") or ()),
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
