"""Attempts to break dormouse, and how each ended: shared by the fault suite and `benchmarks/faults.py`.

An attack is a function `attack(folder, n, rng)` that yields `n` or so `Tried`, one for each case. `folder` is its own
and empty. The same `rng` gives the same cases.
"""

from __future__ import annotations

import json
import os
import random
import resource
import select
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

from dormouse.errors import UserError

Outcome = Literal["held", "refused", "traceback", "silent", "lost", "hang", "not tried"]
"""`held`: it worked, and rightly so. `refused`: one sentence and exit status 2. `silent`: it went on with something
wrong. `lost`: something finished is gone. `not tried`: this machine cannot (not root, no browser)."""

DEFECTS: tuple[Outcome, ...] = ("traceback", "silent", "lost", "hang")

REFUSED_WITHIN = 5.0
"""Seconds: a refusal that takes longer counts as a hang."""


@dataclass(frozen=True)
class Tried:
    """One case and how it ended."""

    case: str
    outcome: Outcome
    detail: str = ""
    seconds: float = 0.0

    @property
    def is_defect(self) -> bool:
        return self.outcome in DEFECTS


Attack = Callable[[Path, int, random.Random], Iterator[Tried]]


def defects(tried: Iterable[Tried]) -> list[str]:
    """Return the cases that found a defect, as text for an assertion; at least one case must have been tried."""
    listed = list(tried)
    assert listed, "nothing was tried"
    return [f"{one.case}: {one.outcome} ({one.seconds:.1f} s) {one.detail}" for one in listed if one.is_defect]


def in_child(case: str, call: Callable[[], object], *, seconds: float = 10.0, memory: int | None = None) -> Tried:
    """Run `call` in a forked child with a limit on time and on address space in bytes.

    By default it may take 2 GiB besides what this process holds, which a child begins with.

    A `UserError` is a refusal, any other exception a traceback; what returns was accepted, which is `held`: whether it
    should have been is for the attack to say.
    """
    if memory is None:
        memory = psutil.Process().memory_info().vms + (2 << 30)
    reading, writing = os.pipe()
    started = time.monotonic()
    child = os.fork()
    if child == 0:
        os.close(reading)
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        os.write(writing, json.dumps(_ended(call)).encode())
        os._exit(0)
    os.close(writing)
    said = _heard(reading, started + seconds)
    os.close(reading)
    if said is None:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    took = time.monotonic() - started
    if said is None:
        return Tried(case, "hang", f"not over after {seconds:g} s", took)
    if not said:
        return Tried(case, "traceback", f"the process died with status {status}", took)
    outcome, detail = json.loads(said)
    if outcome == "refused" and took > REFUSED_WITHIN:
        return Tried(case, "hang", f"refused after {took:.1f} s: {detail}", took)
    return Tried(case, outcome, detail, took)


def _ended(call: Callable[[], object]) -> tuple[Outcome, str]:
    try:
        call()
    except UserError as error:
        return "refused", str(error)[:400].encode("ascii", "backslashreplace").decode()
    except BaseException as error:
        frames = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)[-3:]]
        return "traceback", f"{''.join(traceback.format_exception_only(error)).strip()[:300]} {frames}"
    return "held", ""


def _heard(pipe: int, until: float) -> bytes | None:
    said = b""
    while True:
        ready, _, _ = select.select([pipe], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            return None
        piece = os.read(pipe, 65536)
        if not piece:
            return said
        said += piece


@dataclass(frozen=True)
class Ended:
    """How a command of the program ended."""

    status: int | None
    """None: it was still running at the limit."""
    stdout: str
    stderr: str
    seconds: float

    def judge(self, case: str) -> Tried:
        """Return `held` for status 0, `refused` for a sentence with status 2, else the defect that it is."""
        words = " ".join(self.stderr.split())[-400:]
        if self.status is None:
            return Tried(case, "hang", words, self.seconds)
        if "Traceback (most recent call last)" in self.stderr + self.stdout or self.status not in (0, 2):
            return Tried(case, "traceback", f"status {self.status}: {words}", self.seconds)
        return Tried(case, "refused" if self.status else "held", words, self.seconds)


def command(*words: str | Path) -> list[str]:
    """Return the command line that runs the program in this environment."""
    return [sys.executable, "-m", "dormouse", *map(str, words)]


def dormouse(
    *words: str | Path, seconds: float = 120.0, stdin: str = "", environment: Mapping[str, str] | None = None
) -> Ended:
    """Run the program to its end, or kill it and all that it started at the limit."""
    started = time.monotonic()
    process = subprocess.Popen(
        command(*words),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env={**os.environ, **(environment or {})},
        start_new_session=True,
    )
    try:
        stdout, stderr = process.communicate(stdin, timeout=seconds)
        status: int | None = process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        stdout, stderr = process.communicate()
        status = None
    return Ended(status, stdout, stderr, time.monotonic() - started)
