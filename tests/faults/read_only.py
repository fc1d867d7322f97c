"""Each verb on a store that nothing can be written to: readers say what they always say, writers refuse."""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from faults.tiny_plan import finished
from faults.tried import Ended, Tried, dormouse

ROOM = "64M"
OTHER = ("helpful.steps=5",)
"""Another plan, of which the base is in the store and little else."""
REFUSAL = re.compile(r"^error: Store '.*' cannot be written to \((Read-only file system|Permission denied)\)\. ", re.M)


@dataclass(frozen=True)
class Case:
    """A verb, and whether it writes."""

    words: tuple[str, ...]
    writes: bool


def _cases(organism: str, folder: Path) -> list[Case]:
    plan = str(folder / "tiny.yaml")
    reading = [
        ("status", plan),
        ("ls",),
        ("show", organism),
        ("run", plan, "--dry-run"),
        ("status", plan, *OTHER),
        ("chat", organism, "--temperature", "0"),
        ("verify",),
        ("prune",),
        ("export", organism, str(folder / "exported")),
        ("show", organism, "--example"),
        ("run", plan, *OTHER, "--dry-run"),
        ("plan", plan),
        ("ls", "--json"),
        ("prune", "--run", "tiny"),
    ]
    writing = [
        ("run", plan),
        ("report", plan),
        ("run", plan, *OTHER),
        ("prune", "--delete"),
        ("import", str(folder / "shared")),
        ("report", plan, *OTHER),
        ("prune", "--run", "tiny", "--delete"),
    ]
    cases = [Case(words, writes=False) for words in reading] + [Case(words, writes=True) for words in writing]
    # The most used of both first.
    return sorted(cases, key=lambda case: (writing if case.writes else reading).index(case.words))


def attack(folder: Path, n: int, rng: random.Random) -> Iterator[Tried]:
    """Run `n` verbs on a disk that is mounted read-only."""
    _, store = finished(folder)
    organism = next(name for name in store.names() if name.startswith("organism-"))
    assert dormouse("export", organism, folder / "shared", "--store", store.root).status == 0
    cases = _cases(organism, folder)[:n]
    usual = [None if case.writes else _said(folder, case, store.root) for case in cases]
    disk = folder / "disk"
    try:
        with _read_only(store.root, disk):
            for case, before in zip(cases, usual, strict=True):
                yield _tried(folder, case, before, disk)
    except (PermissionError, subprocess.CalledProcessError):
        for case in cases:
            yield Tried(" ".join(case.words), "not tried", "only root may mount a disk")


def _tried(folder: Path, case: Case, before: Ended | None, disk: Path) -> Tried:
    ended = _said(folder, case, disk)
    tried = ended.judge(f"{' '.join(case.words)} on a read-only disk")
    if before is None:
        if tried.outcome == "held":
            return Tried(tried.case, "silent", "it writes, and said that it could", tried.seconds)
        if tried.outcome == "refused" and not REFUSAL.search(ended.stderr):
            return Tried(tried.case, "traceback", f"the sentence does not say why: {tried.detail}", tried.seconds)
        return tried
    if tried.outcome == "refused":
        return Tried(tried.case, "lost", f"it only reads: {tried.detail}", tried.seconds)
    if tried.outcome == "held" and _comparable(ended.stdout) != _comparable(before.stdout):
        return Tried(tried.case, "silent", f"it says {ended.stdout[-200:]!r} and said {before.stdout[-200:]!r}")
    return tried


def _said(folder: Path, case: Case, store: Path) -> Ended:
    shutil.rmtree(folder / "exported", ignore_errors=True)
    return dormouse(*case.words, "--store", store, stdin="Hello there\n")


def _comparable(text: str) -> str:
    """Return what a verb said without where the store is, and what its disk holds."""
    return re.sub(r"[\d.]+ .B are free|\"free\": \d+|/\S*/(disk|finished)\b", "", text)


@contextlib.contextmanager
def _read_only(source: Path, disk: Path) -> Iterator[None]:
    if os.name == "nt" or os.geteuid() != 0:
        raise PermissionError
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs", disk]
    subprocess.run(mount, check=True, capture_output=True)
    try:
        shutil.copytree(source, disk, dirs_exist_ok=True)
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True, capture_output=True)
        yield
    finally:
        subprocess.run(["umount", disk], check=True)
