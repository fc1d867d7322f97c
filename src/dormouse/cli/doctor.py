"""`dormouse doctor`: prints the state of packages, machine and store."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from dormouse.cli.console import print_json, print_line
from dormouse.cli.health import examine


def print_health(store: Path, *, as_json: bool) -> bool:
    """Print facts and advice; return whether runs can work."""
    health = examine(store)
    if as_json:
        print_json({"usable": health.usable, **asdict(health)})
        return health.usable
    print_line("For a bug report (no user name, host name or path is in it):", "bold")
    print_line(health.block())
    print_line("")
    for advice in health.advice:
        print_line(
            f"{'PROBLEM' if advice.blocking else 'note'}: {advice.problem}. {advice.remedy}", "red" * advice.blocking
        )
    print_line("Ready: dormouse run" if health.usable else "Not ready: see the problems above.")
    return health.usable
