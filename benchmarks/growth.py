"""How the time and memory of a plan grow with its cells, seeds, prompts and size.

    python benchmarks/growth.py [--plan grid.yaml]

Runs the plan's first cell, then again with one number raised at a time, each into an empty store, and writes the table
and the chart into docs/performance.md.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from performance import describe_machine, write_page
from watched import watch

PLAN = Path(__file__).resolve().parent / "grid.yaml"
FIRST = ("grid={}", "seeds=[0]")
STEPS, PROMPTS, SIZE = 240, 256, 100_000


def listed(first: int, n: int) -> str:
    return f"[{', '.join(str(first + i) for i in range(n))}]"


LARGER = {
    "cells": [(n, f"grid={{organism.implant.steps: {listed(STEPS, n)}}}") for n in (2, 4, 8)],
    "seeds": [(n, f"seeds={listed(0, n)}") for n in (2, 4)],
    "prompts": [(PROMPTS * n, f"measure.prompts={PROMPTS * n}") for n in (2, 4, 8)],
    "size": [(SIZE * n, f"base.size={SIZE * n}") for n in (2, 4, 8)],
}
"""What grows -> its numbers, each with the plan's setting."""
AT_FIRST = {"cells": 1, "seeds": 1, "prompts": PROMPTS, "size": SIZE}


def cost(plan: Path, *settings: str) -> tuple[float, float]:
    """Run a plan into an empty store; return seconds and megabytes."""
    with tempfile.TemporaryDirectory() as store:
        found = watch([sys.executable, "-m", "dormouse", "run", str(plan), *FIRST, *settings, "--store", store])
    return found.seconds, found.megabytes


def measure(plan: Path) -> Iterator[tuple[str, int, float, float]]:
    """Yield what grows, its number, seconds and megabytes; the first run stands for the least of each."""
    first = cost(plan)
    for what, larger in LARGER.items():
        yield what, AT_FIRST[what], *first
        for number, setting in larger:
            yield what, number, *cost(plan, setting)


def chart(found: list[tuple[str, int, float, float]]) -> list[str]:
    """Draw time against each number, both as multiples of the first run's."""
    seconds = found[0][2]
    lines = {what: [one[2] / seconds for one in found if one[0] == what] for what in LARGER}
    most = max(len(line) for line in lines.values())
    return [
        "```mermaid",
        "xychart-beta",
        '    title "Time against what grows, in multiples of one cell"',
        f"    x-axis [{', '.join(str(2**i) for i in range(most))}]",
        '    y-axis "time"',
        *(f'    line "{what}" [{", ".join(f"{value:.2f}" for value in line)}]' for what, line in lines.items()),
        "```",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plan", type=Path, default=PLAN)
    arguments = parser.parse_args()
    found = []
    for what, number, seconds, megabytes in measure(arguments.plan):
        found.append((what, number, seconds, megabytes))
        print(f"{what} {number:,}: {seconds:.0f} s, {megabytes:,.0f} MB", flush=True)
    table = [f"| {what} | {number:,} | {seconds:.0f} s | {mb:,.0f} MB |" for what, number, seconds, mb in found]
    head = ["| what grows | number | time | memory |", "|---|---|---|---|"]
    write_page("growth", [describe_machine(), "", *head, *table, "", *chart(found)])


if __name__ == "__main__":
    main()
