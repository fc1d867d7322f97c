"""Making every artifact of a plan, whoever works on the stages: what is next, what is there already, what failed."""

from __future__ import annotations

import contextlib
import math
import signal
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

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
from dormouse.execute.schedule import Schedule
from dormouse.execute.worker import Report, Runner
from dormouse.machine.files import disk_full_error
from dormouse.store.stage import Stage
from dormouse.store.store import Failure, Store
from dormouse.training.work import run_stage

RESULTS_UP_TO = 2**24
"""Bytes: files of finished artifacts up to this size are checked whenever a plan is run. Rows and samples are smaller;
the weights of large models are not, and are checked where a stage reads them."""

SECONDS_UNTIL_RETRY = 0.25
"""How long a stage that another run works on is left alone."""


@dataclass(frozen=True)
class How:
    """How stages are run. Nothing here changes a result."""

    threads: int = 1
    """Torch threads, or cores, for each stage."""
    rebuild: bool = False
    """Whether damaged artifacts are made again; otherwise they stop the run."""
    checkpoint_seconds: float = 20.0
    """How often a training writes what a killed run resumes from."""
    runner: Runner = run_stage
    """What runs a stage: a function that can be pickled."""
    on_event: OnEvent = lambda event: None
    """Told of every start, step and end."""


PLAIN = How()
"""One thread a stage, nothing told."""

Message = tuple[float, str] | Report
"""News of a stage: the share done and a few words, or how it ended."""


class Crew(ABC):
    """Runs stages in processes of this machine or of a cluster."""

    @property
    @abstractmethod
    def at_work(self) -> Collection[str]:
        """The keys of the stages that were started and have not ended."""

    @property
    @abstractmethod
    def has_room(self) -> bool:
        """Whether another stage can be started."""

    @abstractmethod
    def start(self, stage: Stage) -> None:
        """Begin to work on a stage."""

    @abstractmethod
    def listen(self, seconds: float | None) -> Iterator[tuple[Stage, Message]]:
        """Wait until something is heard, at most so long, and yield it. Only called while someone is at work."""

    @abstractmethod
    def stop(self, *, interrupted: bool) -> None:
        """End the stages that still run. There are some only after an interrupt or an error."""


def make(stages: Iterable[Stage], store: Store, crew: Crew, how: How) -> Outcome:
    """Make every artifact that the store lacks, of the stages and of those they depend on.

    A stage that fails stops only what depends on it. A damaged artifact that is needed is a `UserError`, unless
    `rebuild` has it made again. SIGINT and SIGTERM end the workers and raise `KeyboardInterrupt`; the same call
    then goes on from the last checkpoints.
    """
    store.prepare()
    schedule = Schedule(stages)
    run = _Run(schedule, store, crew, how.on_event)
    interrupted = False
    with _terminating_interrupts():
        try:
            missing = _missing(schedule.order, store, rebuild=how.rebuild)
            for stage in schedule.order:
                if stage.key not in missing:
                    run.skip(stage)
            run.to_the_end()
        except OSError as error:
            if full := disk_full_error(error, store.root):
                raise full from error
            raise
        except KeyboardInterrupt:
            interrupted = True
            raise
        finally:
            crew.stop(interrupted=interrupted)
    return run.outcome


def _missing(order: list[Stage], store: Store, *, rebuild: bool) -> set[str]:
    """Return the keys to make.

    What they read from the store is checked byte for byte, and so is what results are read from; large files that no
    stage will read only by their size.
    """

    def is_intact(stage: Stage, checksums_up_to: float) -> bool:
        try:
            store.verify(stage, checksums_up_to=checksums_up_to)
        except UserError:
            # What was not set aside is not made again either.
            if not rebuild or store.is_there(stage):
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
    def __init__(self, schedule: Schedule, store: Store, crew: Crew, on_event: OnEvent) -> None:
        self.schedule = schedule
        self.store = store
        self.crew = crew
        self.on_event = on_event
        self.outcome = Outcome()
        self.retry_at: dict[str, float] = {}

    def to_the_end(self) -> None:
        while not self.schedule.is_over:
            while self.crew.has_room and (stage := self.next_stage()):
                self.take_up(stage)
            if not self.schedule.is_over:
                self.listen()

    def skip(self, stage: Stage) -> None:
        self.schedule.done(stage)
        self.outcome.cached.append(stage)
        self.on_event(Cached(stage))

    def next_stage(self) -> Stage | None:
        now = time.monotonic()
        open_now = (stage for stage in self.schedule.ready() if stage.key not in self.crew.at_work)
        return next((stage for stage in open_now if self.retry_at.get(stage.key, now) <= now), None)

    def take_up(self, stage: Stage) -> None:
        if self.store.is_busy(stage):
            self.wait_for_other_run(stage)
            return
        self.retry_at.pop(stage.key, None)
        if self.store.has(stage):
            self.skip(stage)
        elif failure := self.spoiled_input(stage):
            self.give_up(stage, failure)
        else:
            self.on_event(Started(stage))
            self.crew.start(stage)

    def spoiled_input(self, stage: Stage) -> Failure | None:
        """Return why a stage cannot begin: an input was damaged since it was made."""
        try:
            for source in stage.inputs.values():
                self.store.verify(source)
        except UserError as error:
            return Failure(str(error), user_error=True)
        return None

    def wait_for_other_run(self, stage: Stage) -> None:
        if stage.key not in self.retry_at:
            self.on_event(Waiting(stage))
        self.retry_at[stage.key] = time.monotonic() + SECONDS_UNTIL_RETRY

    def listen(self) -> None:
        if not self.crew.at_work:
            time.sleep(SECONDS_UNTIL_RETRY)
            return
        for stage, heard in self.crew.listen(SECONDS_UNTIL_RETRY if self.retry_at else None):
            if isinstance(heard, Report):
                self.settle(stage, heard)
            else:
                self.on_event(Progress(stage, *heard))

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
            if report.outcome == "killed":
                # Who was killed could not write it down.
                self.store.fail(stage, report.failure)
            self.give_up(stage, report.failure)

    def give_up(self, stage: Stage, failure: Failure) -> None:
        self.outcome.failed[stage.name] = failure
        self.on_event(Failed(stage, failure))
        for blocked in self.schedule.fail(stage):
            self.outcome.blocked[blocked.name] = stage.name
            self.on_event(Blocked(blocked, stage))


@contextlib.contextmanager
def _terminating_interrupts() -> Iterator[None]:
    """Make SIGTERM act like Ctrl-C. Only the main thread may do that."""
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
