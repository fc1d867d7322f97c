"""`dormouse prune`: lists or deletes what no run needs any more."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from dormouse.cli.console import (
    out,
    print_json,
    print_line,
    table,
)
from dormouse.runs.disk_need import size_words
from dormouse.runs.pruning import (
    Kind,
    Leftover,
    Selection,
    leftovers,
    prune,
)
from dormouse.store.store import Store

MOST_LINES = 40

NAMES: dict[Kind, tuple[str, str]] = {
    "run": ("run", "runs"),
    "artifact": ("artifact", "artifacts"),
    "unfinished work": ("unfinished stage", "unfinished stages"),
    "set aside": ("artifact set aside", "artifacts set aside"),
    "failure": ("record of a failure", "records of failures"),
    "lock": ("lock", "locks"),
    "half deleted": ("folder left by an interrupted prune", "folders left by an interrupted prune"),
}
LISTED: tuple[Kind, ...] = ("run", "artifact", "unfinished work", "set aside")
"""Kinds that are listed one by one; the others take almost no disk space."""


def print_pruned(root: Path, selection: Selection, *, delete: bool, as_json: bool) -> None:
    """List what can be deleted, or delete it and list what was."""
    store = Store(root)
    going, busy = prune(store, selection) if delete else (leftovers(store, selection), [])
    total = sum(one.bytes for one in going)
    if as_json:
        listed = [{"kind": one.kind, "name": one.name, "path": str(one.path), "bytes": one.bytes} for one in going]
        print_json({"deleted": delete, "bytes": total, "leftovers": listed, "busy": [one.name for one in busy]})
        return
    _print_listed(going)
    for name in dict.fromkeys(one.name for one in busy):
        print_line(f"{name} is being worked on, so it was not deleted.")
    if not going:
        print_line("Nothing to prune: some run needs every file.")
    elif delete:
        print_line(f"Deleted {_count_kinds(going)}: {size_words(total)}.")
    else:
        without = f"Without run '{selection.run}', no" if selection.run else "No"
        print_line(
            f"{without} run needs {_count_kinds(going)}: {size_words(total)}. Nothing was deleted. To delete: --delete."
        )


def _print_listed(going: Sequence[Leftover]) -> None:
    listed = [one for one in going if one.kind in LISTED]
    if not listed:
        return
    shown = table("what", "name", "MB", "days old", right=("MB", "days old"))
    for one in listed[:MOST_LINES]:
        days = (time.time() - one.changed) / 86_400
        shown.add_row(NAMES[one.kind][0], one.name, f"{one.bytes / 1e6:.1f}", f"{max(0, days):.0f}")
    out().print(shown)
    if len(listed) > MOST_LINES:
        print_line(f"... and {len(listed) - MOST_LINES} more; --json lists all.")


def _count_kinds(going: Sequence[Leftover]) -> str:
    kinds = [one.kind for one in going]
    counts = {kind: kinds.count(kind) for kind in NAMES if kind in kinds}
    return ", ".join(f"{n} {NAMES[kind][n > 1]}" for kind, n in counts.items())
