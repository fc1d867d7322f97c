"""Runs on a disk that is or becomes too full, at several sizes, then the same command once there is room."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from faults.tiny_plan import finished, results
from faults.tried import Ended, Tried, dormouse

ROOM = "64M"
BALLAST = "ballast"
SHARES = (0.0, 0.1, 0.4, 0.7, 0.9)
"""Of what the whole run takes, how much is left free: nothing, then less than its models, then less than its page."""


def attack(folder: Path, n: int, rng: random.Random) -> Iterator[Tried]:
    """Fill the disk to `n` of five levels, before a run begins and while it runs."""
    plan, whole = finished(folder)
    wanted = results(whole.root).read_bytes()
    needed = sum(path.stat().st_size for path in whole.root.rglob("*") if path.is_file())
    for share in SHARES[:n]:
        for when in ("before", "during"):
            case = f"{100 * share:.0f}% of what a run takes is free {when} it"
            disk = folder / f"disk-{when}-{share}"
            try:
                with _disk(disk):
                    yield from _run_on(case, plan, disk, round(share * needed), when == "during", wanted)
            except (PermissionError, subprocess.CalledProcessError):
                yield Tried(case, "not tried", "only root may mount a small disk")


def _run_on(case: str, plan: Path, disk: Path, free: int, during: bool, wanted: bytes) -> Iterator[Tried]:
    store = disk / "store"
    if during:
        ended = _filled_while_it_runs(plan, store, disk, free)
    else:
        _fill(disk, free)
        ended = dormouse("run", plan, "--store", store)
    tried = ended.judge(case)
    # What a run takes is what it leaves: it needs more on the way, so each of these must run out.
    yield tried if tried.outcome != "held" else Tried(case, "silent", "it went through", ended.seconds)
    (disk / BALLAST).unlink()
    again = dormouse("run", plan, "--store", store).judge(f"{case}, then room is made")
    if again.outcome == "held" and results(store).read_bytes() != wanted:
        again = Tried(again.case, "silent", "results.csv differs", again.seconds)
    yield again if again.outcome != "refused" else Tried(again.case, "lost", again.detail, again.seconds)


def _filled_while_it_runs(plan: Path, store: Path, disk: Path, free: int) -> Ended:
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(dormouse, "run", plan, "--store", store)
        while not running.done() and not any((store / "artifacts").glob("*")):
            time.sleep(0.05)
        _fill(disk, free)
        return running.result()


def _fill(disk: Path, free: int) -> None:
    """Leave so many bytes."""
    size = shutil.disk_usage(disk).free - free
    with (disk / BALLAST).open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, size))


@contextlib.contextmanager
def _disk(folder: Path) -> Iterator[None]:
    if os.name == "nt" or os.geteuid() != 0:
        raise PermissionError
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs", folder], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)
