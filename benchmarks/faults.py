"""Attack dormouse in every way of `tests/faults` at full size, and write what held and what did not.

python benchmarks/faults.py [ATTACK ...] [--keep FOLDER] [--share 1.0]   runs attacks, all by default
python benchmarks/faults.py --keep FOLDER --page docs/reliability.md      writes the page from what FOLDER keeps

Attacks may be run one at a time: FOLDER keeps a file for each. A machine that cannot try a case (not root, no browser)
says so in its row.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

import dormouse

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
# Read when torch is first imported: models this small are fastest on one thread.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@dataclass(frozen=True)
class Full:
    """An attack at full size."""

    n: int
    about: str
    """What is tried, for the table."""
    function: str = "attack"


ATTACKS = {
    "kills": Full(100, "runs killed at random moments in seven ways, then resumed: same bytes, no orphan"),
    "bit_flips": Full(2, "a flipped bit in each kind of file, by every verb that reads it"),
    "plan_texts": Full(500, "plans drawn from the settings, at and beyond every bound", "generated"),
    "plan_texts:mutated": Full(1000, "shipped plans and overrides, mutated", "mutated"),
    "nonsense": Full(1000, "plans that nobody can mean, refused before anything trains"),
    "data_files": Full(500, "damaged, hostile and mutated data files through every reader"),
    "model_folders": Full(100, "models and adapters that do not match, are broken, or bring code"),
    "damaged_records": Full(100, "damaged records of shared models and zoos"),
    "at_once": Full(30, "processes at once on one store"),
    "full_disk": Full(5, "levels of a full disk, before a run and during it, then room is made"),
    "read_only": Full(20, "verbs on a read-only store"),
    "hostile_report": Full(100, "hostile texts in plan and artifacts, opened in a browser"),
    "thread_counts": Full(20, "worker and core counts: same results.csv"),
    "null_claims": Full(2000, "intervals and claims simulated where the truth is known, against the bounds below"),
}


def run(name: str, full: Full, share: float) -> dict[str, Any]:
    """Return what an attack found."""
    module = importlib.import_module(f"faults.{name.partition(':')[0]}")
    started, n = time.monotonic(), max(1, round(share * full.n))
    tried = []
    with tempfile.TemporaryDirectory() as folder:
        for one in getattr(module, full.function)(Path(folder), n, random.Random(name)):
            tried.append(one)
            if one.is_defect:
                print(f"  {one.case}: {one.outcome} ({one.seconds:.1f} s) {one.detail}", flush=True)
    return {
        "attack": name,
        "n": n,
        "outcomes": dict(Counter(one.outcome for one in tried)),
        "defects": [asdict(one) for one in tried if one.is_defect],
        "cases": [[one.case, one.outcome, one.detail] for one in tried],
        "slowest_refusal": max((one.seconds for one in tried if one.outcome == "refused"), default=None),
        "seconds": round(time.monotonic() - started),
        "date": datetime.now(UTC).date().isoformat(),
        "machine": _machine(),
        "version": dormouse.__version__,
    }


def _machine() -> str:
    import torch

    hardware = f"{platform.machine()} ({torch.backends.cpu.get_cpu_capability()}), {psutil.cpu_count()} cores"
    memory = f"{psutil.virtual_memory().total / 2**30:.0f} GiB"
    return f"{platform.system()}, {hardware}, {memory}, Python {platform.python_version()}, torch {torch.__version__}"


COLUMNS = ("held", "refused", "traceback", "silent", "lost", "hang", "not tried")

PAGE = """\
# Reliability

Attack dormouse (kill runs, damage files, fill the disk, feed it hostile plans, data and models) and
simulate its intervals and verdicts where the truth is known. These commands do it at full size and write this page:

```bash
python benchmarks/faults.py --keep faults && python benchmarks/faults.py --keep faults --page docs/reliability.md
```

The same attacks run small in the slow tests: `python3 scripts/test.py -m slow -k faults`.

`held`: it worked, and should have. `refused`: an error of one sentence and exit status 2, within 5 seconds if nothing
had begun. The next four are defects: `traceback`; `silent`, something wrong without a message; `lost`, finished work
that is gone; `hang`. `not tried`: this machine could not run the case.

{table}

{total}

{machines}

## Intervals and verdicts where the truth is known

The table counts how often an interval missed the truth, and how often a verdict was wrong, in simulated runs. Brackets
are 95% Wilson intervals of that rate.

An interval may miss in 5% of cases. Wilson's is 95% on average and dips at single rates (Brown, Cai and DasGupta 2001),
and so does an interval built from two of them: at any one setting these may miss in 10%. A claim is simulated at the
bound of its rule, where a wrong verdict is likeliest, and may be wrong in 5%. If any of several parts can make a claim
disagree, their intervals are widened so that all together err in 5% (Bonferroni).

With one or two seeds, an interval covers the sampling of prompts only, and a verdict is about the models at hand. With
three or more it is the widest of Student's t over seeds, for shares a score interval over seeds, and the interval of
the pooled prompts. Rates that are uniform over seeds may miss in 10%. If one seed in several turns out wholly different
(an implant that fails in one of five), three seeds that happen to agree claim too much, and no interval over three
seeds can know it: the rows that may be any number show what comes of it. A page judges about ten claims, each with its
own 5%: expect a wrong verdict on some page.

A row does not hold if chance alone would put it beyond its bound in less than one of 1,000 tries.

{simulated}
"""


def page(kept: list[dict[str, Any]]) -> str:
    """Return the page as Markdown."""
    order = list(ATTACKS)
    kept = sorted(kept, key=lambda one: order.index(one["attack"]))
    head = ["tried", "what", *COLUMNS, "minutes"]
    lines = [" | ".join(head), " | ".join("---" for _ in head)]
    for one in kept:
        counts = [str(one["outcomes"].get(name) or "·") for name in COLUMNS]
        tried = sum(n for name, n in one["outcomes"].items() if name != "not tried")
        lines.append(" | ".join([str(tried), ATTACKS[one["attack"]].about, *counts, f"{one['seconds'] / 60:.1f}"]))
    defects = sum(len(one["defects"]) for one in kept)
    tried = sum(n for one in kept for name, n in one["outcomes"].items() if name != "not tried")
    # A disk that fills up in the middle of a run is refused when it is full.
    at_once = [one["slowest_refusal"] for one in kept if one["attack"] != "full_disk" and one["slowest_refusal"]]
    slowest = max(at_once, default=0.0)
    simulated = next((one for one in kept if one["attack"] == "null_claims"), {"cases": []})
    cases = importlib.import_module("faults.null_claims").cases()
    bounds = {case.name: f"{case.most:.0%}" if case.most < 1 else "any" for case in cases}
    return PAGE.format(
        table="\n".join(f"| {line} |" for line in lines),
        total=f"{tried:,} cases, {defects} defects. "
        f"The slowest refusal before anything had begun took {slowest:.1f} s.",
        simulated="\n".join(
            ["| what | wrong | may be | |", "|---|---|---|---|"]
            + [f"| {case} | {detail} | {bounds[case]} | {outcome} |" for case, outcome, detail in simulated["cases"]]
        ),
        machines="\n".join(sorted({f"Machine: {one['machine']}. Date: {one['date']}." for one in kept})),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("attacks", nargs="*", metavar="ATTACK", help=f"some of: {', '.join(ATTACKS)}")
    parser.add_argument("--keep", type=Path, default=Path("faults"), help="folder for what each attack found")
    parser.add_argument("--share", type=float, default=1.0, help="of the full size")
    parser.add_argument("--page", type=Path, help="write this page instead of running anything")
    given = parser.parse_args()
    if unknown := set(given.attacks) - set(ATTACKS):
        parser.error(f"no attack is called {', '.join(sorted(unknown))}")
    if given.page:
        found = [json.loads(path.read_text()) for path in given.keep.glob("*.json")]
        given.page.write_text(page(found), encoding="utf-8")
        return
    given.keep.mkdir(parents=True, exist_ok=True)
    for name in given.attacks or ATTACKS:
        print(f"{name}: {ATTACKS[name].about}", flush=True)
        found = run(name, ATTACKS[name], given.share)
        (given.keep / f"{name.replace(':', '-')}.json").write_text(json.dumps(found, indent=1) + "\n")
        print(f"  {found['outcomes']} in {found['seconds']} s", flush=True)


if __name__ == "__main__":
    main()
