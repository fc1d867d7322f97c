"""Seconds and memory of listing a plan of 10,000 cells, in a process of its own, and how many stages it has.

python benchmarks/dry_run.py
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PLAN = """
name: large
seeds: [0, 1, 2, 3, 4]
safety: {sft: sft, rl: rl}
grid:
  base.size: [20000, 30000, 50000, 70000, 100000, 150000, 200000, 300000, 500000, 800000]
  safety.*.dose: [0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 6, 8]
  organism.implant.steps: [100, 150, 200, 250, 300, 350, 400, 450, 500, 600, 700, 800, 900, 1000, 1100, 1200, 1300,
    1400, 1500, 1600]
"""


def time_dry_run() -> tuple[float, float]:
    """Return seconds and megabytes of listing the plan; print how many stages it has."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "large.yaml").write_text(PLAN)
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "dormouse", "run", "large.yaml", "--dry-run"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
        )
        seconds = time.perf_counter() - started
    print(done.stdout.splitlines()[-1])
    return seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def main() -> None:
    print("{:.1f} s, {:.0f} MB".format(*time_dry_run()))


if __name__ == "__main__":
    main()
