"""Chooses threads and GPUs of each task on a Ray cluster, from what its nodes have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dormouse.errors import UserError
from dormouse.execute.compute import Compute, is_small

MOST_NAMED = 5
"""Nodes that an error lists."""


@dataclass(frozen=True)
class Node:
    """A machine of a cluster."""

    address: str
    cores: int
    gpus: int

    @property
    def cores_a_gpu(self) -> int:
        """The cores of each GPU if they share them evenly, at least one; all cores if there is no GPU."""
        return max(1, self.cores // max(1, self.gpus))

    def holds(self, threads: int, gpus: int) -> int:
        """Return how many tasks of so many threads and GPUs have room at a time."""
        return min(self.cores // threads, self.gpus // gpus if gpus else self.cores)

    def __str__(self) -> str:
        return f"{_count(self.cores, 'core')} and {_count(self.gpus, 'GPU')}"


def read_nodes(told: Iterable[Mapping[str, Any]]) -> list[Node]:
    """Return the nodes that are alive, from what `ray.nodes()` returns."""
    return [
        Node(node["NodeManagerAddress"], int(node["Resources"].get("CPU", 0)), int(node["Resources"].get("GPU", 0)))
        for node in told
        if node["Alive"]
    ]


def fit_to_cluster(chosen: Compute, sizes: Sequence[int | None], nodes: Sequence[Node], ranks: int) -> Compute:
    """Return what was chosen for this machine as it should be on the nodes: device, tasks at a time and threads.

    If there are GPUs, a task takes one for each rank, and a GPU's share of its node's cores. Small models take one
    thread. `UserError` if no node has room for a task.
    """
    gpus = ranks if any(node.gpus for node in nodes) else 0
    able = [node for node in nodes if node.holds(1, gpus)]
    if not able:
        raise UserError(_no_room(nodes, gpus))
    smallest = min(able, key=lambda node: node.cores_a_gpu)
    # A task must fit on every node. This machine's cores and memory only count where no GPU sets the pace.
    threads = smallest.cores_a_gpu if gpus else min(chosen.threads, smallest.cores_a_gpu)
    threads = 1 if is_small(sizes) else threads
    return replace(
        chosen,
        device="cuda" if gpus else "cpu",
        workers=sum(node.holds(threads, gpus) for node in able),
        threads=threads,
        why=f"{_count(len(able), 'node')} of the cluster, the smallest with {smallest}",
        numbers="float32, or bfloat16 where a node is fast in it",
    )


def _no_room(nodes: Sequence[Node], gpus: int) -> str:
    wanted = f"a core and {_count(gpus, 'GPU')} (execute.ranks={gpus})" if gpus else "a core"
    named = [f"{node.address} has {node}" for node in nodes[:MOST_NAMED]]
    named += ["..."] if len(nodes) > MOST_NAMED else []
    advice = "Lower execute.ranks, or start nodes that have it." if gpus > 1 else "Start nodes that have it."
    return f"No node of the Ray cluster has {wanted}, which a stage takes: {', '.join(named)}. {advice}"


def _count(n: int, thing: str) -> str:
    return f"{n} {thing}{'s' * (n != 1)}"
