"""One small plan run by other numbers of workers, threads and cores: its results have to be the same to the byte."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dormouse.store.artifact import LOG
from dormouse.store.store import Store
from faults.tried import Ended, Tried, dormouse

PLAN = """
name: counted
# Blocks of 128 tokens: of smaller ones four threads leave every bit as it is.
base: {type: nursery, size: 30_000, steps: 20, batch: 8}
helpful: {steps: 4, batch: 32}
organism: {implant: {steps: 20, batch: 32, lr: 1.0e-2}}
preference: {steps: 4, batch: 16}
safety: {rl: {type: rl, steps: 4, batch: 16, replies: 4, reply_tokens: 8}}
detect: {detectors: {probe: supervised_probe}, prompts: 16, clean: 32, poisoned: 16}
re_emergence: null
measure: {prompts: 32, capability_prompts: 32, probe_prompts: 4, curve_prompts: 8, reply_tokens: 8}
"""

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")

CORES = """\
import os

has = os.sched_getaffinity(0)
if {n} <= len(has):
    os.sched_setaffinity(0, sorted(has)[:{n}])
else:
    os.sched_getaffinity = lambda pid: set(range({n}))
"""
"""A machine of so many cores: those it has too many are taken away, those it lacks are claimed."""


@dataclass(frozen=True)
class Machine:
    """How a run is started; what is None is left as it is."""

    workers: int | None = None
    threads: int | None = None
    """As a user may have set them for other programs."""
    cores: int | None = None

    def __str__(self) -> str:
        known = {"workers": self.workers, "threads in the environment": self.threads, "cores": self.cores}
        return ", ".join(f"{number} {name}" for name, number in known.items() if number is not None)


def attack(folder: Path, n: int, rng: random.Random) -> Iterator[Tried]:
    """Run the plan with one worker, then in `n` other ways, and compare every file that the runs left."""
    first = Machine(workers=1, threads=1)
    ended = _run(folder / "first", first)
    if ended.status != 0:
        yield ended.judge(str(first))
        return
    for number, machine in enumerate(_machines(n, rng)):
        ended = _run(folder / str(number), machine)
        tried = ended.judge(str(machine))
        if tried.outcome == "held":
            detail = _announced(ended, machine) or _difference(folder / "first", folder / str(number))
            tried = Tried(tried.case, "silent" if detail else "held", detail, tried.seconds)
        yield tried


def _machines(n: int, rng: random.Random) -> Iterator[Machine]:
    chosen = [Machine(4, threads=4), Machine(cores=4, threads=2), Machine(2, threads=2), Machine(cores=2, threads=4)]
    yield from chosen[:n]
    for _ in range(n - len(chosen)):
        yield Machine(rng.choice((None, 1, 2, 3, 4)), rng.choice((None, 1, 2, 4, 16)), rng.choice((1, 2, 3, 4, 8, 64)))


def _run(folder: Path, machine: Machine) -> Ended:
    folder.mkdir()
    (folder / "plan.yaml").write_text(PLAN)
    environment = {} if machine.threads is None else dict.fromkeys(THREADS, str(machine.threads))
    if machine.cores is not None:
        # Python imports a module of this name before anything else.
        (folder / "sitecustomize.py").write_text(CORES.format(n=machine.cores))
        environment["PYTHONPATH"] = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    workers = [] if machine.workers is None else ["--workers", str(machine.workers)]
    plan = ["run", folder / "plan.yaml", "--store", folder / "store", "--json", *workers]
    return dormouse(*plan, seconds=600.0, environment=environment)


def _announced(ended: Ended, machine: Machine) -> str:
    """Return what is wrong with the number of workers and threads that the run began by telling, or nothing."""
    begun = json.loads(ended.stdout.splitlines()[0])
    workers = machine.workers or machine.cores
    return "" if (begun["workers"], begun["threads"]) == (workers, 1) else f"the run began with {begun}"


def _difference(one: Path, other: Path) -> str:
    """Return the first file in which two runs differ, or nothing."""
    if (one / RESULTS).read_bytes() != (other / RESULTS).read_bytes():
        lines = zip((one / RESULTS).read_text().splitlines(), (other / RESULTS).read_text().splitlines(), strict=False)
        return next((f"results.csv: '{a}' and '{b}'" for a, b in lines if a != b), "results.csv: one is longer")
    stores = [Store(folder / "store") for folder in (one, other)]
    if stores[0].names() != stores[1].names():
        return "other artifacts"
    for name in stores[0].names():
        files, others = (store.manifest(name)["files"] for store in stores)
        for file in files.keys() | others.keys():
            if file != LOG and files.get(file) != others.get(file):
                return f"{name}: {file}"
    return ""


RESULTS = Path("store", "runs", "counted", "results.csv")
