"""How long a run takes when several stages run at a time and each waits for its inputs."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from graphlib import TopologicalSorter

from dormouse.execute.schedule import expected_cost
from dormouse.store.stage import Stage


def makespan(
    stages: Sequence[Stage],
    seconds: Mapping[str, float],
    workers: int,
    urgency: Callable[[Stage], float] = expected_cost,
) -> float:
    """Return the seconds until the last stage ends, when `workers` stages run at a time.

    `seconds` holds the stages to run, by key; the others are done. As in a run, of the stages that could start, the one
    with the longest path to the end starts first.
    """
    open_ = {stage.key: stage for stage in stages if stage.key in seconds}
    needs = {key: {one.key for one in stage.inputs.values()} & open_.keys() for key, stage in open_.items()}
    followers: dict[str, list[str]] = {key: [] for key in open_}
    for key, inputs in needs.items():
        for one in inputs:
            followers[one].append(key)
    rank: dict[str, float] = {}
    for key in reversed(list(TopologicalSorter(needs).static_order())):
        rank[key] = urgency(open_[key]) + max((rank[one] for one in followers[key]), default=0.0)
    ready = [(-rank[key], key) for key, inputs in needs.items() if not inputs]
    heapq.heapify(ready)
    running: list[tuple[float, str]] = []
    now = 0.0
    while ready or running:
        while ready and len(running) < workers:
            key = heapq.heappop(ready)[1]
            heapq.heappush(running, (now + seconds[key], key))
        now, ended = heapq.heappop(running)
        for key in followers[ended]:
            needs[key].discard(ended)
            if not needs[key]:
                heapq.heappush(ready, (-rank[key], key))
    return now


def longest_chain(stages: Sequence[Stage], seconds: Mapping[str, float]) -> float:
    """Return the seconds of the longest chain of stages, which no number of workers shortens."""
    return makespan(stages, seconds, max(1, len(seconds)))
