"""Events of a run, and its outcome."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from dormouse.store.stage import Stage
from dormouse.store.store import Failure


@dataclass(frozen=True)
class Started:
    """A process started the stage."""

    stage: Stage


@dataclass(frozen=True)
class Progress:
    """Progress of a running stage."""

    stage: Stage
    share: float
    """Done, from 0 to 1."""
    text: str


@dataclass(frozen=True)
class Finished:
    """The artifact was made by this run."""

    stage: Stage
    seconds: float


@dataclass(frozen=True)
class Cached:
    """The artifact was there already, or another run on the same store made it meanwhile."""

    stage: Stage


@dataclass(frozen=True)
class Failed:
    """The stage stopped with an error, or its process was killed."""

    stage: Stage
    error: Failure


@dataclass(frozen=True)
class Blocked:
    """The stage cannot run, since one it depends on failed."""

    stage: Stage
    because: Stage


@dataclass(frozen=True)
class Waiting:
    """Another run on the same store is working on the stage."""

    stage: Stage


Event = Started | Progress | Finished | Cached | Failed | Blocked | Waiting
OnEvent = Callable[[Event], None]


@dataclass(frozen=True)
class Outcome:
    """The outcome of a run. Every stage is in one of these lists."""

    finished: list[Stage] = field(default_factory=list)
    cached: list[Stage] = field(default_factory=list)
    failed: dict[str, Failure] = field(default_factory=dict)
    """Stage name -> why."""
    blocked: dict[str, str] = field(default_factory=dict)
    """Stage name -> the name of the failed stage it depends on."""

    @property
    def complete(self) -> bool:
        """Whether every artifact is there."""
        return not self.failed and not self.blocked

    def counts(self) -> dict[str, int]:
        """Count the stages by how they ended."""
        return {
            "finished": len(self.finished),
            "cached": len(self.cached),
            "failed": len(self.failed),
            "blocked": len(self.blocked),
        }
