"""Killing runs at random moments, in every way that a process can die, and running the same command again."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from dormouse.store.store import Store
from faults.tiny_plan import finished, results
from faults.tried import Tried, command

KILLS_A_STORE = 3
"""Kills before a store's run is let come to its end."""
SECONDS_TO_END = 120
SECONDS_TO_BE_GONE = 20


def attack(folder: Path, n: int, rng: random.Random) -> Iterator[Tried]:
    """Kill `n` runs; yield a case for each, and one for each store once it was resumed to its end."""
    started = time.monotonic()
    plan, whole = finished(folder)
    length, wanted = time.monotonic() - started, results(whole.root).read_bytes()
    for first in range(0, n, KILLS_A_STORE):
        store = folder / f"killed-{first}"
        ways = [rng.choice(list(WAYS)) for _ in range(min(KILLS_A_STORE, n - first))]
        for number, way in enumerate(ways, start=first):
            yield _killed(f"kill {number}: {way}", plan, store, WAYS[way], rng.uniform(0.2, 1.0) * length / 2)
        yield _resumed(f"resume after {', '.join(ways)}", plan, store, wanted)
        shutil.rmtree(store, ignore_errors=True)


def _killed(case: str, plan: Path, store: Path, kill: Callable[[psutil.Process], None], after: float) -> Tried:
    run = _start(plan, store)
    began = time.monotonic()
    while time.monotonic() - began < after and run.poll() is None:
        time.sleep(0.02)
    if run.poll() is not None:
        return Tried(case, "held", "it was over before", time.monotonic() - began)
    family = psutil.Process(run.pid).children(recursive=True)
    kill(psutil.Process(run.pid))
    try:
        run.wait(SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        os.killpg(run.pid, signal.SIGKILL)
        return Tried(case, "hang", "the run did not end", SECONDS_TO_END)
    _, alive = psutil.wait_procs(family, timeout=SECONDS_TO_BE_GONE)
    # Where no init process collects them, dead orphans stay as zombies.
    orphans = [one for one in alive if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
    if orphans:
        return Tried(case, "hang", f"{len(orphans)} of its processes live on", time.monotonic() - began)
    if broken := _damaged(store):
        return Tried(case, "lost", f"artifacts that look finished are damaged: {broken}", time.monotonic() - began)
    return Tried(case, "held", "", time.monotonic() - began)


def _resumed(case: str, plan: Path, store: Path, wanted: bytes) -> Tried:
    began = time.monotonic()
    run = _start(plan, store)
    try:
        status = run.wait(SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        os.killpg(run.pid, signal.SIGKILL)
        return Tried(case, "hang", "the resumed run did not end", SECONDS_TO_END)
    took = time.monotonic() - began
    if status:
        return Tried(case, "lost", f"the resumed run ended with status {status}", took)
    if results(store).read_bytes() != wanted:
        return Tried(case, "silent", "results.csv differs from that of an uninterrupted run", took)
    left = [path for path in store.rglob("*") if path.parent.name == "partial" or path.name.startswith(".")]
    if left:
        return Tried(case, "lost", f"unfinished work lies about: {left[0].relative_to(store)}", took)
    return Tried(case, "held", "", took)


def _start(plan: Path, store: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command("run", plan, "--store", store),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        # Whoever is started in the background of a shell inherits an ignored interrupt.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def _damaged(root: Path) -> list[str]:
    store = Store(root)
    return [name for name in store.names() if store.damage(name) is not None]


def _fork_servers(run: psutil.Process) -> list[psutil.Process]:
    return [one for one in run.children() if "forkserver" in " ".join(one.cmdline())]


def _kill_worker(run: psutil.Process) -> None:
    workers = [worker for server in _fork_servers(run) for worker in server.children()]
    (workers or [run])[-1].kill()


def _kill_fork_server(run: psutil.Process) -> None:
    (_fork_servers(run) or [run])[0].kill()


def _interrupt_twice(run: psutil.Process) -> None:
    os.killpg(run.pid, signal.SIGINT)
    time.sleep(0.5)
    if run.is_running() and run.status() != psutil.STATUS_ZOMBIE:
        os.killpg(run.pid, signal.SIGINT)


WAYS: dict[str, Callable[[psutil.Process], None]] = {
    "SIGKILL to the parent": psutil.Process.kill,
    "SIGKILL to a worker": _kill_worker,
    "SIGKILL to the server that forks workers": _kill_fork_server,
    "SIGKILL to all": lambda run: os.killpg(run.pid, signal.SIGKILL),
    "SIGTERM to the parent": psutil.Process.terminate,
    "SIGHUP to all": lambda run: os.killpg(run.pid, signal.SIGHUP),
    "Ctrl-C twice": _interrupt_twice,
}
