"""Chooses the next stage: inputs first, then the longest path to the end, to keep every core busy."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from graphlib import TopologicalSorter

from dormouse.store.kinds import KINDS
from dormouse.store.stage import Stage


def expected_cost(stage: Stage) -> float:
    """Estimate how long a stage takes, relative to others.

    Training time grew with about the square root of the parameters (0.07 to 1.84 million, at equal steps).
    """
    size = stage.labels.get("size") or 1
    return KINDS[stage.kind].cost * math.sqrt(size)


class Schedule:
    """The stages of a run, each once, with their progress."""

    def __init__(self, stages: Iterable[Stage], cost: Callable[[Stage], float] = expected_cost) -> None:
        self._stages: dict[str, Stage] = {}
        self._inputs: dict[str, list[str]] = {}
        for stage in stages:
            self._add(stage)
        order = list(TopologicalSorter(self._inputs).static_order())
        self._stages = {key: self._stages[key] for key in order}
        self._consumers: dict[str, list[str]] = {key: [] for key in order}
        for key in order:
            for source in self._inputs[key]:
                self._consumers[source].append(key)
        self._rank: dict[str, float] = {}
        for key in reversed(order):
            after = max((self._rank[consumer] for consumer in self._consumers[key]), default=0.0)
            self._rank[key] = cost(self._stages[key]) + after
        self._open = set(order)
        self._done: set[str] = set()

    def _add(self, stage: Stage) -> str:
        key = stage.key
        if key not in self._stages:
            self._stages[key] = stage
            self._inputs[key] = [self._add(source) for source in stage.inputs.values()]
        return key

    @property
    def order(self) -> list[Stage]:
        """Every stage after its inputs."""
        return list(self._stages.values())

    @property
    def is_over(self) -> bool:
        """Whether no stage is left that could run or is running."""
        return not self._open

    def rank(self, stage: Stage) -> float:
        """Return the cost of the longest path from a stage to the end: the higher, the sooner it should start."""
        return self._rank[stage.key]

    def ready(self) -> list[Stage]:
        """Return the open stages whose inputs are all done, the most urgent first."""
        keys = [key for key in self._stages if key in self._open and self._done.issuperset(self._inputs[key])]
        return [self._stages[key] for key in sorted(keys, key=lambda key: -self._rank[key])]

    def done(self, stage: Stage) -> None:
        """Note that the stage's artifact is there."""
        self._open.discard(stage.key)
        self._done.add(stage.key)

    def fail(self, stage: Stage) -> list[Stage]:
        """Give up the stage, and return the open ones that depended on it: they are given up as well."""
        self._open.discard(stage.key)
        blocked = []
        for consumer in self._consumers[stage.key]:
            if consumer in self._open:
                blocked += [self._stages[consumer], *self.fail(self._stages[consumer])]
        return blocked
