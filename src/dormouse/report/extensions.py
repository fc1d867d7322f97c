"""Applies registered claims and figures to a run. One from another package that fails does not lose the page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from dormouse.config.registry import Registry
from dormouse.errors import UserError
from dormouse.report.claims.claim import Run

Found = TypeVar("Found")


@dataclass(frozen=True)
class PerRun(Generic[Found]):
    """A claim or figure as a function of one run. A plain function is registered as one that suits a zoo too."""

    function: Callable[[Run], Found]
    zoo: bool = True
    """Whether it makes sense for a zoo, whose numbers are pooled over sizes, recipes and triggers."""
    every_seed: bool = False
    """Whether a claim counts the seeds whose implant failed. Figures do."""

    def __call__(self, run: Run) -> Found:
        """Judge the claim, or draw the figure."""
        return self.function(run)

    def suits(self, run: Run) -> bool:
        """Return whether it makes sense for this run."""
        return self.zoo or run.zoo is None


def not_for_a_zoo(function: Callable[[Run], Found]) -> PerRun[Found]:
    """Declare that a claim or figure makes no sense for a zoo."""
    return PerRun(function, zoo=False)


def about_implants(function: Callable[[Run], Found]) -> PerRun[Found]:
    """Declare that a claim is about the implants, so that those that failed count. In a zoo it makes no sense."""
    return PerRun(function, zoo=False, every_seed=True)


@dataclass(frozen=True)
class AcrossVariants(Generic[Found]):
    """A claim that compares variants: a function of the runs of one behavior, one run for each variant."""

    function: Callable[[Sequence[Run]], Found]

    def __call__(self, runs: Sequence[Run]) -> Found:
        """Judge the claim."""
        return self.function(runs)


Kind = TypeVar("Kind", PerRun[Any], AcrossVariants[Any])


def apply(
    registry: Registry,
    kind: type[Kind],
    use: Callable[[Kind], list[Found]],
    failed: Callable[[str, str], Found],
) -> list[Found]:
    """Call `use` on every part of a kind, in order. If an installed part raises, call `failed(name, error)` instead."""
    found: list[Found] = []
    for name in registry.in_order():
        part: Any = None
        try:
            part = registry.get(name)
            part = part if isinstance(part, PerRun | AcrossVariants) else PerRun(part)
            found += use(part) if isinstance(part, kind) else []
        except Exception as error:
            # An error in dormouse itself must be seen; one in another package must not lose the report.
            if registry.is_builtin(name):
                raise
            # The kind of a part that cannot be imported is not known; it must be named once.
            if part is not None or kind is PerRun:
                found.append(failed(name, _sentence(error)))
    return found


def _sentence(error: Exception) -> str:
    if isinstance(error, UserError):
        return str(error)
    return f"It raised {type(error).__name__}: {' '.join(str(error).split()) or 'no message'}."
