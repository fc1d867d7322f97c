"""Checks a whole store: every artifact, and the folder of every run."""

from __future__ import annotations

from collections.abc import Iterator

from dormouse.runs.named import NamedRun, named_runs
from dormouse.store.check import Checked, check_artifacts, refused
from dormouse.store.store import Store


def check(store: Store, checked: Checked) -> Iterator[str]:
    """Yield a sentence for each thing that is damaged, and count what was looked at."""
    yield from check_artifacts(store, checked)
    for run in named_runs(store):
        checked.runs += 1
        yield from _in_run(run, checked)


def _in_run(run: NamedRun, checked: Checked) -> Iterator[str]:
    for folder in (run.folder, run.folder.unfinished):
        for path, read in (
            (folder.plan, folder.plan_text),
            (folder.record, folder.recorded),
            (folder.claims, folder.claimed),
        ):
            if path.exists():
                checked.files += 1
                checked.bytes += path.stat().st_size
                yield from refused(read)
