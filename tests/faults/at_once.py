"""Several processes at once on one store: runs and reports of a finished plan, and runs of one that is not."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from faults.tiny_plan import finished, results
from faults.tried import Ended, Tried, dormouse

AT_ONCE = 5


def attack(folder: Path, n: int, rng: random.Random) -> Iterator[Tried]:
    """Start `n` processes, five at a time: most on a finished store, the last five on an empty one."""
    plan, whole = finished(folder)
    wanted = results(whole.root).read_bytes()
    rounds = max(1, n // AT_ONCE)
    for number in range(rounds):
        is_new = number == rounds - 1
        store = folder / "new" if is_new else whole.root
        verbs = ["run"] * AT_ONCE if is_new else [rng.choice(["run", "run", "report"]) for _ in range(AT_ONCE)]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            ends = list(pool.map(lambda verb, store=store: dormouse(verb, plan, "--store", store, seconds=300), verbs))
        for verb, ended in zip(verbs, ends, strict=True):
            yield _judged(f"round {number}: {verb} on a {'new' if is_new else 'finished'} store", ended, store, wanted)


def _judged(case: str, ended: Ended, store: Path, wanted: bytes) -> Tried:
    tried = ended.judge(case)
    if tried.outcome == "refused":
        return Tried(case, "lost", tried.detail, ended.seconds)
    run = results(store).parent
    if tried.outcome == "held" and results(store).read_bytes() != wanted:
        return Tried(case, "silent", "results.csv is not what one process alone writes", ended.seconds)
    if tried.outcome == "held" and not (run / "report.html").stat().st_size:
        return Tried(case, "lost", "the report is empty", ended.seconds)
    return tried
