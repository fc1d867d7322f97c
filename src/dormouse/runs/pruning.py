"""Finds and deletes what no run of a store needs any more."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from filelock import Timeout

from dormouse.errors import UserError
from dormouse.runs.disk_need import bytes_below
from dormouse.runs.folder import held
from dormouse.runs.named import (
    NamedRun,
    find_run,
    named_runs,
    with_ancestors,
)
from dormouse.store.artifact import MANIFEST
from dormouse.store.store import FOLDERS, Store, digits_of

Kind = Literal["artifact", "unfinished work", "set aside", "failure", "lock", "run", "half deleted"]

BIN = ".pruned-"
"""Begins the name of the folder that something is moved to before it is deleted, so that nobody finds half of it."""

LOCK = re.compile(r"[0-9a-f]{12}\.lock")

AGE = re.compile(r"(\d+(?:\.\d+)?)([mhdw])")
SECONDS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}


@dataclass(frozen=True)
class Leftover:
    """Something that can be deleted."""

    kind: Kind
    path: Path
    name: str
    """Of the artifact or run that it is or was meant to be."""
    bytes: int
    changed: float
    """When it was last written to, in seconds since 1970."""


@dataclass(frozen=True)
class Selection:
    """The user's choice of what to delete."""

    run: str | None = None
    """A run to delete, with everything that only it needs."""
    older_than: float | None = None
    """Only what was not written to for so many seconds."""
    imported: bool = False
    """Imported models as well, which belong to no run."""


def seconds_of(age: str) -> float:
    """Return the seconds of an age such as "30d"."""
    found = AGE.fullmatch(age)
    if found is None:
        raise UserError(f"'{age}' is no age. Give a number of m(inutes), h(ours), d(ays) or w(eeks): --older-than 30d.")
    return float(found[1]) * SECONDS[found[2]]


def leftovers(store: Store, selection: Selection) -> list[Leftover]:
    """List what can be deleted. `UserError` if the plan of a run cannot be read: its needs are unknown."""
    runs = named_runs(store)
    forgotten = find_run(runs, selection.run) if selection.run is not None else None
    kept = [run for run in runs if run is not forgotten]
    needed = set().union(*(run.needs() for run in kept))
    if forgotten is None:
        names = _names(store) - needed
        names -= set() if selection.imported else _imported(names, store)
        found = list(_of_artifacts(store, names, needed))
    else:
        _refuse_busy(forgotten, store)
        found = list(_leftover("run", forgotten.folder.path, forgotten.name))
        found += _of_artifacts(store, _needed_by(forgotten) - needed, needed, others=False)
    if selection.older_than is not None:
        before = time.time() - selection.older_than
        found = [one for one in found if one.changed < before]
    going = {one.name for one in found if one.kind == "artifact"}
    # What stays though no run needs it needs what it was made from, were it only to say so.
    staying = with_ancestors(set(store.names()) - going - needed, store)
    return [one for one in found if one.kind != "artifact" or one.name not in staying]


def prune(store: Store, selection: Selection) -> tuple[list[Leftover], list[Leftover]]:
    """Delete it. Return what was deleted, and what a process still works on."""
    store.prepare()
    if selection.run is None and not named_runs(store) and store.names():
        raise UserError(
            f"Store '{store.root}' has no runs, so all of its {len(store.names())} artifacts would go. If that is what "
            "you want, delete its folder."
        )
    gone: list[Leftover] = []
    busy: list[Leftover] = []
    # No run begins meanwhile: one that has begun has its plan among the others.
    with held(store):
        for one in leftovers(store, selection):
            (gone if _put_away(one, store) else busy).append(one)
    for place in list(_bins(store)):
        # Another prune may be at it.
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(place)
    return gone, busy


def _put_away(one: Leftover, store: Store) -> bool:
    """Move something out of use before it is deleted, unless a process works on it."""
    if one.kind in ("run", "half deleted"):
        _move(one.path)
        return True
    try:
        with store.lock(one.name) as lock:
            if one.kind != "lock" and one.path.exists():
                _move(one.path)
            # Gone before it is free: who waits for it then sees that it guards nothing.
            Path(lock.lock_file).unlink(missing_ok=True)
    except Timeout:
        return False
    return True


def _move(path: Path) -> None:
    if path.name.startswith(BIN):
        return
    place = path.parent / f"{BIN}{os.getpid()}"
    place.mkdir(exist_ok=True)
    path.replace(place / path.name)


def _bins(store: Store) -> Iterator[Path]:
    for folder in FOLDERS:
        yield from (store.root / folder).glob(f"{BIN}*")


def _of_artifacts(store: Store, names: set[str], needed: set[str], *, others: bool = True) -> Iterator[Leftover]:
    """Yield the artifacts of these names and whatever else of them there is.

    With `others`, also what is of no use of artifacts that are needed, and what an earlier prune did not get to.
    """
    there = set(store.names())
    for name in sorted(names & there):
        yield from _leftover("artifact", store.path(name), name, written=MANIFEST)
    of_no_use = names | (there if others else set())
    kinds: tuple[tuple[Kind, str], ...] = (
        ("unfinished work", "partial"),
        ("set aside", "set_aside"),
        ("failure", "failed"),
    )
    for kind, folder in kinds:
        for path in _entries(store.root / folder):
            name = path.name.partition(".")[0]
            if name in of_no_use or (others and name not in needed):
                yield from _leftover(kind, path, name)
    names_of = {digits_of(name): name for name in names}
    kept = {digits_of(name) for name in needed | (there - names)}
    for path in _entries(store.root / "locks"):
        if path.stem in names_of or (others and LOCK.fullmatch(path.name) and path.stem not in kept):
            yield from _leftover("lock", path, names_of.get(path.stem, path.stem))
    if others:
        for place in _bins(store):
            yield from _leftover("half deleted", place, place.name)


def _entries(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith(".")) if folder.is_dir() else []


def _leftover(kind: Kind, path: Path, name: str, written: str = "") -> Iterator[Leftover]:
    """Yield what can be deleted, unless a process has moved or deleted it meanwhile."""
    with contextlib.suppress(FileNotFoundError):
        try:
            changed = (path / written).stat().st_mtime
        except OSError:
            changed = path.stat().st_mtime
        yield Leftover(kind, path, name, bytes_below(path) if path.is_dir() else path.stat().st_size, changed)


def _names(store: Store) -> set[str]:
    """Return the names of all artifacts that are there or were begun."""
    begun = {path.name.partition(".")[0] for folder in ("partial", "failed") for path in _entries(store.root / folder)}
    return {*store.names(), *begun, *store.set_aside_names()}


def _imported(names: set[str], store: Store) -> set[str]:
    """Return those of the artifacts that were imported; `UserError` where that cannot be told."""
    organisms = sorted(name for name in names.intersection(store.names()) if name.startswith("organism-"))
    return {name for name in organisms if _labels(name, store).get("variant") == "imported"}


def _labels(name: str, store: Store) -> dict[str, Any]:
    try:
        labels: dict[str, Any] = store.manifest(name)["labels"]
    except UserError as error:
        raise UserError(
            f"{error} No run needs it, and it is not known whether it was imported; to delete it in any case: "
            "dormouse prune --imported --delete"
        ) from error
    return labels


def _needed_by(run: NamedRun) -> set[str]:
    """Return what a run to be forgotten needs: what its record lists where its plan cannot be read."""
    try:
        return run.needs()
    except UserError:
        return run.recorded()


def _refuse_busy(run: NamedRun, store: Store) -> None:
    for name in sorted(_needed_by(run)):
        if store.is_busy(name):
            raise UserError(f"Run '{run.name}' is at work on '{name}'. Stop it, or wait for its end.")
