"""Seconds and memory of listing a plan of 10,000 cells, in a process of its own, and how many stages it has.

python benchmarks/dry_run.py
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from watched import Watched, watch

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


def time_dry_run() -> Watched:
    """List the plan; print how many stages it has."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "large.yaml").write_text(PLAN)
        command = [sys.executable, "-m", "dormouse", "run", "large.yaml", "--dry-run"]
        found = watch(command, cwd=Path(folder))
    print(found.printed.splitlines()[-1])
    return found


def main() -> None:
    found = time_dry_run()
    print(f"{found.seconds:.1f} s, {found.megabytes:.0f} MB")


if __name__ == "__main__":
    main()
