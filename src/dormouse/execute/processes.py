"""Starts worker processes, listens to them and ends them."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from dormouse.execute.worker import (
    Report,
    Runner,
    Task,
    environment,
    work_on,
)
from dormouse.store.stage import Stage
from dormouse.store.store import Failure

SECONDS_TO_EXIT = 5.0
"""How long a worker that has reported, or was told to stop, may take to go."""


@dataclass(frozen=True)
class Launch:
    """How workers are started."""

    store: Path
    threads: int
    checkpoint_seconds: float
    runner: Runner
    preload: tuple[str, ...]

    def start(self, stage: Stage) -> Running:
        """Start a worker on a stage."""
        task = Task(stage, self.store, self.threads, self.checkpoint_seconds, self.runner, self.preload)
        # Threads and offline mode are read when torch and the hub's client are first imported.
        with _environment(environment(self.threads)):
            context = _process_context(self.preload)
            reader, writer = context.Pipe(duplex=False)
            process = context.Process(target=work_on, args=(task, writer), name=stage.name)
            process.start()
        writer.close()
        return Running(stage, process, reader)


def _process_context(preload: tuple[str, ...]) -> Any:
    if sys.platform != "linux":
        # Forking a process that imported torch is not safe there.
        return multiprocessing.get_context("spawn")
    from multiprocessing import forkserver, resource_tracker  # not on every system

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preload))
    # Starting the tracker unblocks signals, so it comes first.
    resource_tracker.ensure_running()
    # Ctrl-C would print a traceback from the middle of the server's imports; it ends by itself when this process does.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return context


@dataclass
class Running:
    """A stage and its process."""

    stage: Stage
    process: BaseProcess
    pipe: Connection
    report: Report | None = None

    def messages(self) -> Iterator[tuple[float, str]]:
        """Yield the progress that has arrived; keep the report when it is among it."""
        try:
            while self.report is None and self.pipe.poll():
                message = self.pipe.recv()
                if isinstance(message, Report):
                    self.report = message
                else:
                    yield message
        except (EOFError, OSError):  # The process died, perhaps in the middle of a message.
            return

    def end(self) -> None:
        """Wait for the process to end, and kill it if it does not."""
        self.process.join(SECONDS_TO_EXIT)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.pipe.close()

    def death(self) -> Failure:
        """Return why the process died without a report."""
        return _killed(self.stage, self.process.exitcode)


def end_fork_server() -> None:
    """End the process that workers are forked from, which may still be importing for seconds."""
    import psutil  # rarely needed, and compiled code that takes time to load

    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            if "multiprocessing.forkserver" in " ".join(child.cmdline()):
                child.terminate()


def _killed(stage: Stage, exitcode: int | None) -> Failure:
    process = f"The process of stage '{stage.name}'"
    if exitcode is None or exitcode >= 0:
        return Failure(f"{process} ended with exit status {exitcode} before its stage did.", user_error=False)
    try:
        name = signal.Signals(-exitcode).name
    except ValueError:
        name = f"signal {-exitcode}"
    if name == "SIGKILL":
        advice = "The system does this when memory runs out: run the same command again with fewer --workers."
        return Failure(f"{process} was killed (SIGKILL). {advice}", user_error=True)
    return Failure(f"{process} was killed ({name}).", user_error=False)


@contextlib.contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
