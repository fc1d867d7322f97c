"""Simulates a run of several stages at a time, each after its inputs, to tell how long it takes."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence

from dormouse.execute.schedule import Schedule, expected_cost
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
    schedule = Schedule(stages, urgency)
    open_ = [stage for stage in schedule.order if stage.key in seconds]
    rank = {stage.key: schedule.rank(stage) for stage in open_}
    needs = {stage.key: {one.key for one in stage.inputs.values()} & rank.keys() for stage in open_}
    followers: dict[str, list[str]] = {key: [] for key in needs}
    for key, inputs in needs.items():
        for one in inputs:
            followers[one].append(key)
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
