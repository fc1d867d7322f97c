"""Runs stages on a Ray cluster: a task for each, on whichever node has room, into a store that all nodes see.

Ray runs a task again whose worker was killed; the stage then goes on from its last checkpoint in the store.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from dormouse.errors import UserError
from dormouse.execute.cluster import Node, read_nodes
from dormouse.execute.engine import PLAIN, Crew, How, Message, make
from dormouse.execute.events import Outcome
from dormouse.execute.worker import (
    Report,
    Runner,
    Task,
    attempt,
    environment,
)
from dormouse.store.stage import Stage
from dormouse.store.store import Failure, Store

RETRIES = 3
"""How often a stage is restarted after its worker was killed."""
NODE_SECONDS = 60
"""How long a node may take to say whether it sees the store."""


def run_ray(
    stages: Iterable[Stage],
    store: Store,
    how: How = PLAIN,
    *,
    address: str | None = None,
    gpus: float = 0,
) -> Outcome:
    """Make the artifacts of the stages on a Ray cluster, as `engine.make` says.

    `address` is the cluster's; None takes RAY_ADDRESS, or a cluster that is started on this machine. Each stage takes
    `how.threads` cores and `gpus` GPUs. `UserError` where Ray is not installed, cannot be reached, or has a node that
    does not see the store.
    """
    ray = _connected(address)
    store.prepare()
    _check_nodes_see(ray, store.root)
    crew = RayCrew(ray, store.root, how.threads, gpus, how.checkpoint_seconds, how.runner)
    return make(stages, store, crew, how)


def cluster_nodes(address: str | None) -> list[Node]:
    """Connect to the cluster, as `run_ray` does, and return its nodes."""
    return read_nodes(_connected(address).nodes())


def _connected(address: str | None) -> Any:
    try:
        import ray  # an extra that may not be installed
    except ImportError as error:
        raise UserError("Ray is not installed. pip install 'dormouse-lab[ray]'") from error
    if ray.is_initialized():
        return ray
    wanted = address or os.environ.get("RAY_ADDRESS")
    try:
        ray.init(address=wanted, log_to_driver=False, configure_logging=False, include_dashboard=False)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise UserError(
            f"No Ray cluster can be reached at '{wanted}'. Start one (ray start --head), correct execute.address, or "
            "run here with execute.on=local."
        ) from error
    return ray


def _check_nodes_see(ray: Any, root: Path) -> None:
    """Raise `UserError` unless a file that is written here can be read on every node."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy  # an extra

    token = root.absolute() / f".seen-by-{uuid.uuid4().hex}"
    token.write_text("the store\n", encoding="utf-8")
    try:
        nodes = [node for node in ray.nodes() if node["Alive"]]
        look = ray.remote(num_cpus=0)(_sees)
        asked = {}
        for node in nodes:
            there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            asked[look.options(scheduling_strategy=there).remote(token)] = node["NodeManagerAddress"]
        done, silent = ray.wait(list(asked), num_returns=len(asked), timeout=NODE_SECONDS)
        blind = [asked[one] for one in (*silent, *done) if one in silent or not ray.get(one)]
    finally:
        token.unlink()
    if blind:
        raise UserError(
            f"The store '{root}' is not seen on {len(blind)} of the cluster's {len(nodes)} nodes ({', '.join(blind)}). "
            "Put it on a path that all nodes share: --store PATH."
        )


def _sees(path: Path) -> bool:
    return path.is_file()


class _Silent:
    """Drops the progress of a stage: a Ray task has nobody to send it to."""

    def send(self, message: object) -> None:
        return None


def _attempt(task: Task) -> Report:
    return attempt(task, _Silent())


class RayCrew(Crew):
    """As many tasks at a time as the cluster has cores and GPUs for."""

    def __init__(
        self, ray: Any, store: Path, threads: int, gpus: float, checkpoint_seconds: float, runner: Runner
    ) -> None:
        self.ray = ray
        self.store, self.threads, self.gpus = store.absolute(), threads, gpus
        self.checkpoint_seconds, self.runner = checkpoint_seconds, runner
        self.running: dict[Any, Stage] = {}
        self.remote = ray.remote(
            num_cpus=threads,
            num_gpus=gpus,
            max_retries=RETRIES,
            runtime_env={"env_vars": environment(threads)},
        )(_attempt)

    @property
    def at_work(self) -> Collection[str]:
        """The keys of the stages that were handed to the cluster."""
        return {stage.key for stage in self.running.values()}

    @property
    def has_room(self) -> bool:
        """Whether the cluster has cores and GPUs for another task."""
        has = self.ray.cluster_resources()
        rooms = [has.get("CPU", 0) // self.threads]
        if self.gpus:
            rooms.append(has.get("GPU", 0) // self.gpus)
        return bool(len(self.running) < max(1, min(rooms)))

    def start(self, stage: Stage) -> None:
        """Hand a stage to the cluster."""
        task = Task(stage, self.store, self.threads, self.checkpoint_seconds, self.runner, ())
        self.running[self.remote.remote(task)] = stage

    def listen(self, seconds: float | None) -> Iterator[tuple[Stage, Message]]:
        """Yield the reports of tasks that ended. A task whose workers were killed too often was killed."""
        done, _ = self.ray.wait(list(self.running), num_returns=1, timeout=seconds)
        for one in done:
            stage = self.running.pop(one)
            try:
                yield stage, self.ray.get(one)
            except self.ray.exceptions.RayError as error:
                yield stage, Report("killed", failure=_death(stage, error))

    def stop(self, *, interrupted: bool) -> None:
        """End the tasks that are left."""
        for one in self.running:
            self.ray.cancel(one, force=True)
        self.running.clear()


def _death(stage: Stage, error: Exception) -> Failure:
    if isinstance(error, MemoryError) or "OutOfMemory" in type(error).__name__:
        advice = "Take nodes with more memory, or a smaller base or batch."
        return Failure(f"The worker of stage '{stage.name}' ran out of memory. {advice}", user_error=True)
    first = str(error).strip().splitlines()[0]
    return Failure(f"The worker of stage '{stage.name}' died {RETRIES + 1} times: {first}", user_error=False)
