"""Lists the named runs of a store, and the artifacts that each needs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass

from dormouse.errors import UserError, did_you_mean
from dormouse.plan import file as plan_file
from dormouse.plan.graph import build_plan
from dormouse.runs.folder import RunFolder
from dormouse.store.store import Store, digits_of


@dataclass(frozen=True)
class NamedRun:
    """A folder in `runs/`."""

    folder: RunFolder

    @property
    def name(self) -> str:
        """Name of the run on the command line."""
        return self.folder.path.name

    def needs(self) -> set[str]:
        """Return the names of the artifacts that its plan is made of, and of those that were written down.

        They differ where the version of dormouse has changed since, or the data that the plan reads. `UserError` where
        a file of the folder cannot be read: nobody knows what it needs.
        """
        try:
            return set().union(*(_needs(folder) for folder in (self.folder, self.folder.unfinished)))
        except UserError as error:
            raise UserError(
                f"What run '{self.name}' needs cannot be told from '{self.folder.path}': {error} "
                f"To delete this run as well: dormouse prune --run {self.name}"
            ) from error

    def recorded(self) -> set[str]:
        """Return the names that were written down when it began and when it ended, as far as they can be read."""
        found: set[str] = set()
        for folder in (self.folder, self.folder.unfinished):
            for read in (_recorded, RunFolder.claimed):
                with contextlib.suppress(UserError):
                    found |= read(folder)
        return found


def named_runs(store: Store) -> list[NamedRun]:
    """Return every run of the store."""
    runs = store.root / "runs"
    folders = sorted(path for path in runs.iterdir() if path.is_dir()) if runs.is_dir() else []
    return [NamedRun(RunFolder(path)) for path in folders if not path.name.startswith(".")]


def find_run(runs: Iterable[NamedRun], name: str) -> NamedRun:
    """Return the run of this name; `UserError` where there is none."""
    known = {run.name: run for run in runs}
    if name not in known:
        raise UserError(f"There is no run '{name}'.{did_you_mean(name, known)}")
    return known[name]


def with_ancestors(names: Iterable[str], store: Store) -> set[str]:
    """Return the artifacts of these names that the store has, and all that they were made from."""
    there = {digits_of(name): name for name in store.names()}
    ahead = set(names).intersection(there.values())
    found: set[str] = set()
    while ahead:
        name = ahead.pop()
        found.add(name)
        if store.damage(name, checksums_up_to=-1) is None:
            inputs = (there.get(key[:12]) for key in store.manifest(name)["inputs"].values())
            ahead |= {source for source in inputs if source is not None} - found
    return found


def _needs(folder: RunFolder) -> set[str]:
    written = _recorded(folder) | folder.claimed()
    if folder.plan_text() is None:
        return written
    return written.union(stage.name for stage in build_plan(plan_file.load(folder.plan)).stages)


def _recorded(folder: RunFolder) -> set[str]:
    record = folder.recorded() or {}
    return {str(stage["name"]) for stage in record.get("stages", ())}
