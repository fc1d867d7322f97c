"""Runs a command, and measures its time and the most memory that it and its processes have at once."""

from __future__ import annotations

import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

EVERY = 0.2
"""Seconds between two looks at the memory."""


@dataclass(frozen=True)
class Watched:
    """What a command took, and what it printed."""

    seconds: float
    megabytes: float
    """The largest sum over all its processes; pages that they share count once where the system says so."""
    printed: str


def watch(command: list[str], cwd: Path | None = None) -> Watched:
    """Run a command to its end. `CalledProcessError` if it fails."""
    started, most = time.perf_counter(), 0
    with tempfile.TemporaryFile("w+") as printed:
        with subprocess.Popen(command, cwd=cwd, stdout=printed, stderr=subprocess.DEVNULL) as run:
            whole = psutil.Process(run.pid)
            while run.poll() is None:
                try:
                    tree = [whole, *whole.children(recursive=True)]
                except psutil.NoSuchProcess:
                    break
                most = max(most, sum(map(_memory_of, tree)))
                time.sleep(EVERY)
        seconds = time.perf_counter() - started
        if run.returncode:
            raise subprocess.CalledProcessError(run.returncode, command)
        printed.seek(0)
        return Watched(seconds, most / 1e6, printed.read())


def _memory_of(process: psutil.Process) -> int:
    """Return the bytes that a process uses; 0 if it has just ended."""
    try:
        used = process.memory_full_info()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0
    return int(getattr(used, "pss", used.rss))
