"""Runs one stage in a process of its own: takes its lock, runs it, finishes its artifact, reports."""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import os
import platform
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal, Protocol

from filelock import Timeout

import dormouse
from dormouse.errors import UserError
from dormouse.machine.files import disk_full_error
from dormouse.machine.system_errors import explain
from dormouse.store.artifact import LOG
from dormouse.store.stage import Stage
from dormouse.store.store import SCRATCH, Failure, Store
from dormouse.training.work import Work

Runner = Callable[[Work], None]

RECORDED = ("torch", "transformers", "trl")
"""Packages whose versions can move a number."""

SECONDS_BETWEEN_REPORTS = 0.2


@dataclass(frozen=True)
class Task:
    """The task of a worker."""

    stage: Stage
    store: Path
    threads: int
    checkpoint_seconds: float
    runner: Runner
    imports: tuple[str, ...]
    """Modules that are imported first. A forked worker has them already."""


@dataclass(frozen=True)
class Report:
    """The last message of a worker."""

    outcome: Literal["finished", "cached", "busy", "failed", "killed"]
    """`busy`: another process is at it. `killed`: the worker is gone without a word."""
    seconds: float = 0.0
    failure: Failure | None = None


def environment(threads: int) -> dict[str, str]:
    """Return the variables of a worker: its threads, nothing sent or downloaded, the same hashes in every process."""
    return {
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": str(threads),
        "RAYON_NUM_THREADS": str(threads),
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "DO_NOT_TRACK": "1",
        "WANDB_MODE": "disabled",
        "PYTHONHASHSEED": "0",
        # Asking for a GPU while importing must not open it: an open one does not survive the fork.
        "PYTORCH_NVML_BASED_CUDA_CHECK": "1",
    }


def work_on(task: Task, pipe: Connection) -> None:
    """Run a task in this process and send its `Report`; (share, text) pairs tell the progress before."""
    # Ctrl-C reaches every process of a terminal: the parent alone decides what becomes of the workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ.update(environment(task.threads))
    _send(pipe, attempt(task, pipe))


class Listener(Protocol):
    """A channel that takes the messages of a worker."""

    def send(self, message: Any) -> None:
        """Take one message. `OSError` if nobody listens any more."""


def attempt(task: Task, pipe: Listener) -> Report:
    """Run a task unless its artifact is there or another process is at it."""
    store = Store(task.store)
    try:
        with store.lock(task.stage):
            if store.has(task.stage) or store.finish_interrupted(task.stage):
                return Report("cached")
            return _run(task, store, pipe)
    except Timeout:
        return Report("busy")
    except (OSError, UserError) as error:
        return Report("failed", failure=_failure(error, store))


def _run(task: Task, store: Store, pipe: Listener) -> Report:
    started = time.monotonic()
    stage = task.stage
    try:
        folder = store.begin(stage)
        resumed = (folder / SCRATCH).exists()
        inputs = {role: store.path(source) for role, source in stage.inputs.items()}
        with _output_to(folder / LOG):
            _import(task)
            progress = _throttled(pipe)
            task.runner(Work(stage.kind, stage.spec, inputs, folder, task.checkpoint_seconds, progress))
        seconds = time.monotonic() - started
        store.finish(stage, {**_facts(task.threads), "seconds": round(seconds, 3), "resumed": resumed})
    except (Exception, SystemExit) as error:
        failure = _failure(error, store)
        # On a full disk the record cannot be written either; the report reaches the user all the same.
        with contextlib.suppress(OSError):
            store.fail(stage, failure)
        return Report("failed", time.monotonic() - started, failure)
    return Report("finished", seconds)


def _import(task: Task) -> None:
    for module in task.imports:
        importlib.import_module(module)
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(task.threads)


def _failure(error: BaseException, store: Store) -> Failure:
    known = disk_full_error(error, store.root) or (explain(error) if isinstance(error, OSError) else None)
    if known or isinstance(error, UserError):
        return Failure(str(known or error), user_error=True)
    last = "".join(traceback.format_exception_only(error)).strip()
    return Failure(last, user_error=False, traceback="".join(traceback.format_exception(error)))


def _throttled(pipe: Listener) -> Callable[[float, str], None]:
    last = 0.0

    def progress(share: float, text: str) -> None:
        nonlocal last
        if time.monotonic() - last >= SECONDS_BETWEEN_REPORTS:
            last = time.monotonic()
            _send(pipe, (share, text))

    return progress


def _send(pipe: Listener, message: Any) -> None:
    try:
        pipe.send(message)
    except OSError:
        # Nobody listens: the parent was killed.
        os._exit(1)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


@contextlib.contextmanager
def _output_to(log: Path) -> Iterator[None]:
    """Redirect the output of this process and its libraries to a file. An empty file is removed."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    with log.open("ab", buffering=0) as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            # Windows moves no folder that holds an open file.
            for descriptor, original in zip((1, 2), kept, strict=True):
                os.dup2(original, descriptor)
                os.close(original)
            if log.exists() and log.stat().st_size == 0:
                log.unlink()


def _facts(threads: int) -> dict[str, Any]:
    torch = sys.modules.get("torch")
    return {
        "versions": {
            "dormouse": dormouse.__version__,
            "python": platform.python_version(),
            **{name: _version(name) for name in RECORDED},
        },
        "device": "cuda" if torch is not None and torch.cuda.is_initialized() else "cpu",
        "threads": threads,
        "peak_memory_mb": _peak_memory_mb(),
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _peak_memory_mb() -> float:
    try:
        import resource  # Windows has none
    except ImportError:
        import psutil  # only Windows asks it for this

        return float(round(psutil.Process().memory_info().peak_wset / 2**20, 1))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Bytes on macOS, kibibytes elsewhere.
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)
