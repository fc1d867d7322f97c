"""Running a plan on this machine: a fresh process for every stage, as many at a time as there are cores."""

from __future__ import annotations

import contextlib
import math
import signal
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from multiprocessing.connection import wait

from dormouse.artifact_files import disk_full_error
from dormouse.compute import cores
from dormouse.errors import UserError
from dormouse.execute.events import (
    Blocked,
    Cached,
    Failed,
    Finished,
    OnEvent,
    Outcome,
    Progress,
    Started,
    Waiting,
)
from dormouse.execute.processes import Launch, Running, end_fork_server
from dormouse.execute.schedule import Schedule
from dormouse.execute.worker import Report, Runner
from dormouse.stage import Stage, run_stage
from dormouse.store import Failure, Store

PRELOAD = ("dormouse.execute.preload",)
"""Modules imported once for all workers."""
PRELOAD_FOR = {"detect": "dormouse.execute.preload_detectors"}
"""Kind of stage -> a module that is imported too where a run holds such stages."""

RESULTS_UP_TO = 2**24
"""Bytes: files of finished artifacts up to this size are checked whenever a plan is run. Rows and samples are smaller;
the weights of large models are not, and are checked where a stage reads them."""

SECONDS_UNTIL_RETRY = 0.25
"""How long a stage that another run works on is left alone."""


def run_local(
    stages: Iterable[Stage],
    store: Store,
    *,
    workers: int | None = None,
    threads: int = 1,
    on_event: OnEvent = lambda event: None,
    rebuild: bool = False,
    checkpoint_seconds: float = 20.0,
    runner: Runner = run_stage,
    preload: Sequence[str] | None = None,
) -> Outcome:
    """Make every artifact of the stages, and of those they depend on, that the store does not have yet.

    A stage that fails stops only what depends on it. A damaged artifact that is needed is a `UserError`, unless
    `rebuild` has it made again. SIGINT and SIGTERM end the workers and raise `KeyboardInterrupt`; the same call
    then goes on from the last checkpoints. `runner` is a function that can be pickled.
    """
    store.prepare()
    schedule = Schedule(stages)
    missing = _missing(schedule.order, store, rebuild=rebuild)
    imported = preloads(schedule.order) if preload is None else preload
    launch = Launch(store.root, threads, checkpoint_seconds, runner, tuple(imported))
    run = _Run(schedule, store, launch, workers or cores(), on_event)
    with _terminating_interrupts():
        try:
            for stage in schedule.order:
                if stage.key not in missing:
                    run.skip(stage)
            run.to_the_end()
        except OSError as error:
            if full := disk_full_error(error, store.root):
                raise full from error
            raise
        except KeyboardInterrupt:
            run.stop()
            end_fork_server()
            raise
        finally:
            run.stop()
    return run.outcome


def preloads(stages: Iterable[Stage]) -> tuple[str, ...]:
    """Return the modules to import once for the workers of these stages."""
    kinds = {stage.kind for stage in stages}
    return (*PRELOAD, *(module for kind, module in PRELOAD_FOR.items() if kind in kinds))


def _missing(order: list[Stage], store: Store, *, rebuild: bool) -> set[str]:
    """Return the keys to make.

    What they read from the store is checked byte for byte, and so is what results are read from; large files that no
    stage will read only by their size.
    """

    def is_intact(stage: Stage, checksums_up_to: float) -> bool:
        try:
            store.verify(stage, checksums_up_to=checksums_up_to)
        except UserError:
            if not rebuild:
                raise
            return False
        return store.has(stage)

    missing = {stage.key for stage in order if not is_intact(stage, RESULTS_UP_TO)}
    checked = set(missing)
    # Consumers first: an input that turns out damaged becomes a consumer itself.
    for stage in reversed(order):
        if stage.key not in missing:
            continue
        for source in stage.inputs.values():
            if source.key not in checked:
                checked.add(source.key)
                if not is_intact(source, math.inf):
                    missing.add(source.key)
    return missing


class _Run:
    def __init__(self, schedule: Schedule, store: Store, launch: Launch, workers: int, on_event: OnEvent) -> None:
        self.schedule = schedule
        self.store = store
        self.launch = launch
        self.workers = workers
        self.on_event = on_event
        self.outcome = Outcome()
        self.running: dict[str, Running] = {}
        self.retry_at: dict[str, float] = {}

    def to_the_end(self) -> None:
        while not self.schedule.is_over:
            while len(self.running) < self.workers and (stage := self.next_stage()):
                self.take_up(stage)
            if not self.schedule.is_over:
                self.listen()

    def skip(self, stage: Stage) -> None:
        self.schedule.done(stage)
        self.outcome.cached.append(stage)
        self.on_event(Cached(stage))

    def next_stage(self) -> Stage | None:
        now = time.monotonic()
        open_now = (stage for stage in self.schedule.ready() if stage.key not in self.running)
        return next((stage for stage in open_now if self.retry_at.get(stage.key, now) <= now), None)

    def take_up(self, stage: Stage) -> None:
        if self.store.is_busy(stage):
            self.wait_for_other_run(stage)
            return
        self.retry_at.pop(stage.key, None)
        if self.store.has(stage):
            self.skip(stage)
        else:
            self.on_event(Started(stage))
            self.running[stage.key] = self.launch.start(stage)

    def wait_for_other_run(self, stage: Stage) -> None:
        if stage.key not in self.retry_at:
            self.on_event(Waiting(stage))
        self.retry_at[stage.key] = time.monotonic() + SECONDS_UNTIL_RETRY

    def listen(self) -> None:
        sources = [source for one in self.running.values() for source in (one.pipe, one.process.sentinel)]
        if sources:
            wait(sources, SECONDS_UNTIL_RETRY if self.retry_at else None)
        else:
            time.sleep(SECONDS_UNTIL_RETRY)
        for one in list(self.running.values()):
            alive = one.process.is_alive()
            for share, text in one.messages():
                self.on_event(Progress(one.stage, share, text))
            if one.report is not None or not alive:
                one.end()
                del self.running[one.stage.key]
                self.settle(one.stage, one.report or self.killed(one))

    def settle(self, stage: Stage, report: Report) -> None:
        if report.outcome == "finished":
            self.schedule.done(stage)
            self.outcome.finished.append(stage)
            self.on_event(Finished(stage, report.seconds))
        elif report.outcome == "cached":
            self.skip(stage)
        elif report.outcome == "busy":
            self.wait_for_other_run(stage)
        else:
            assert report.failure is not None
            self.give_up(stage, report.failure)

    def give_up(self, stage: Stage, failure: Failure) -> None:
        self.outcome.failed[stage.name] = failure
        self.on_event(Failed(stage, failure))
        for blocked in self.schedule.fail(stage):
            self.outcome.blocked[blocked.name] = stage.name
            self.on_event(Blocked(blocked, stage))

    def killed(self, one: Running) -> Report:
        failure = one.death()
        self.store.fail(one.stage, failure)
        return Report("failed", failure=failure)

    def stop(self) -> None:
        """End the workers that are left: there are some only after an interrupt or an error."""
        for one in self.running.values():
            one.process.terminate()
        while self.running:
            self.running.popitem()[1].end()


@contextlib.contextmanager
def _terminating_interrupts() -> Iterator[None]:
    """Let SIGTERM do what Ctrl-C does. Only the main thread may decide that."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
