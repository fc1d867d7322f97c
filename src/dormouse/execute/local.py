"""Runs stages on this machine: a fresh process for each, as many at a time as there are cores."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from multiprocessing.connection import wait

from dormouse.execute.engine import PLAIN, Crew, How, Message, make
from dormouse.execute.events import Outcome
from dormouse.execute.processes import Launch, Running, end_fork_server
from dormouse.execute.worker import Report
from dormouse.machine.hardware import cores
from dormouse.store.kinds import KINDS
from dormouse.store.stage import Stage
from dormouse.store.store import Store

PRELOAD = ("dormouse.execute.preload",)
"""Modules imported once for all workers."""


def run_local(
    stages: Iterable[Stage],
    store: Store,
    how: How = PLAIN,
    *,
    workers: int | None = None,
    preload: Sequence[str] | None = None,
) -> Outcome:
    """Make the artifacts of the stages in processes of this machine, as `engine.make` says.

    `workers` is one a core by default. `preload` lists the modules imported for all of them; by default those that
    the stages need.
    """
    listed = list(stages)
    imported = preloads(listed) if preload is None else preload
    launch = Launch(store.root, how.threads, how.checkpoint_seconds, how.runner, tuple(imported))
    return make(listed, store, LocalCrew(launch, workers or cores()), how)


def preloads(stages: Iterable[Stage]) -> tuple[str, ...]:
    """Return the modules to import once for the workers of these stages."""
    more = {KINDS[stage.kind].preload for stage in stages} - {""}
    return (*PRELOAD, *sorted(more))


class LocalCrew(Crew):
    """At most `workers` processes at a time."""

    def __init__(self, launch: Launch, workers: int) -> None:
        self.launch = launch
        self.workers = workers
        self.running: dict[str, Running] = {}

    @property
    def at_work(self) -> Collection[str]:
        """The keys of the stages that have a process."""
        return self.running.keys()

    @property
    def has_room(self) -> bool:
        """Whether there are fewer processes than there may be."""
        return len(self.running) < self.workers

    def start(self, stage: Stage) -> None:
        """Start a process."""
        self.running[stage.key] = self.launch.start(stage)

    def listen(self, seconds: float | None) -> Iterator[tuple[Stage, Message]]:
        """Yield the messages of the processes. A process that died without a report was killed."""
        wait([source for one in self.running.values() for source in (one.pipe, one.process.sentinel)], seconds)
        for one in list(self.running.values()):
            alive = one.process.is_alive()
            for message in one.messages():
                yield one.stage, message
            if one.report is not None or not alive:
                one.end()
                del self.running[one.stage.key]
                yield one.stage, one.report or Report("killed", failure=one.death())

    def stop(self, *, interrupted: bool) -> None:
        """End the processes, and after an interrupt also the process that they were forked from."""
        for one in self.running.values():
            one.process.terminate()
        while self.running:
            self.running.popitem()[1].end()
        if interrupted:
            end_fork_server()
