"""How much sooner a plan of 24 cells ends than the same models made one after the other, in one run.

    python benchmarks/grid.py [--plan grid.yaml] [--threads 1]

The other is a plain script (`peers/sequential.py`), which measures defection alone; dormouse makes all its measurements
and the report. Prints the seconds of each, their ratio, and how many pairs of rates have 95% intervals that overlap.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from peers.sequential import Counts, run_in_sequence

from dormouse.plan import file as plan_file
from dormouse.plan.graph import build_plan
from dormouse.results.rates import Rate
from dormouse.results.result import Result
from dormouse.results.rows import read_jsonl

PLAN = Path(__file__).resolve().parent / "grid.yaml"


def rates_of(rows: Path) -> Counts:
    found = [Result.of_line(line, {}) for line in read_jsonl(rows)]
    rates = {one.prompts: one.rate for one in found if one.metric == "defection" and one.step is None}
    return {prompts: rate for prompts, rate in rates.items() if isinstance(rate, Rate)}


def agree(one: Rate, other: Rate) -> bool:
    """Return whether the intervals of two rates overlap."""
    return one.interval[0] <= other.interval[1] and other.interval[0] <= one.interval[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plan", type=Path, default=PLAN)
    parser.add_argument("--threads", type=int, default=1, help="of the plain script")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    plan = build_plan(plan_file.load(str(arguments.plan)))
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        theirs = run_in_sequence(plan, Path(folder) / "plain")
        plain = time.perf_counter() - started
        store = Path(folder) / "store"
        command = [sys.executable, "-m", "dormouse", "run", str(arguments.plan), "--store", str(store)]
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        ours = time.perf_counter() - started
        pairs = [
            (rate, other)
            for name, rates in theirs.items()
            for prompts, other in rates_of(store / "artifacts" / name / "rows.jsonl").items()
            if (rate := rates.get(prompts)) is not None
        ]
    same = sum(agree(*pair) for pair in pairs)
    print(
        f"plain script {plain:.0f} s, dormouse {ours:.0f} s: {plain / ours:.2f} times as fast ({len(plan.cells)} cells)"
    )
    print(f"the 95% intervals of {same} of {len(pairs)} pairs of rates overlap")


if __name__ == "__main__":
    main()
