"""Damaged records of what others share: a model's `dormouse.json`, a zoo's `zoo.json` and `labels.json`, scores.

Any value is exchanged for any other, keys are lost and called otherwise, and the files cut, flipped bit by bit, and
replaced by what is no file. What is of another type than what was written must be refused.
"""

from __future__ import annotations

import copy
import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from dormouse.plan.experiment import Experiment
from dormouse.sharing.export import export_model
from dormouse.sharing.importing import shared_stage
from dormouse.zoo.export import export
from dormouse.zoo.folder import open_zoo
from dormouse.zoo.members import plan_members
from dormouse.zoo.records import read_labels, read_zoo
from dormouse.zoo.scoring import judge, read_scores
from faults.tried import Tried, in_child
from zoo.made_zoo import experiment, made_store

JUNK: tuple[Any, ...] = (
    None, True, False, 0, -1, 7, 1.5, 1e308, float("nan"), float("inf"), 10**20, 10**99, "", "x", "..", "../x",
    "/etc/passwd", "a/b/c/d", "\ud800", "\0", "a\nb", "\x1b[31m", "a" * 100_000, [], {}, [[]], [None], {"a": 1},
    {"": {}}, [1] * 1000,
)  # fmt: skip
RAW = {
    "many digits": "1" + "0" * 5000,
    "deep lists": "[" * 100_000 + "]" * 100_000,
    "deep objects": '{"a":' * 100_000 + "1" + "}" * 100_000,
    "an open end": '{"a": [',
    "two values": "1, 2",
}
"""Texts in a value's place."""
FILES = ("folder", "pipe", "link to nothing", "link to itself", "empty", "zeros", "a list", "null")
FREE = ("lineage", "labels", "organism", "world", "recipe", "trigger", "behavior")
"""Parts of records that hold what their kind decides, or any text: another value may be as good."""


def attack(folder: Path, n: int, rng: random.Random) -> Iterator[Tried]:
    """Try `n` damaged records."""
    targets = _targets(folder)
    for number in range(n):
        name, good, read = targets[number % len(targets)]
        place = folder / "tried"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(good, place)
        kind = rng.choice(("value", "value", "value", "raw", "key", "bits", "cut", "file"))
        case, must_be_refused = _DAMAGES[kind](place / name, rng)
        tried = in_child(f"{name}: {case}", lambda read=read, place=place: read(place), seconds=20, memory=8 << 30)
        if tried.outcome == "held" and must_be_refused:
            tried = replace(tried, outcome="silent", detail="accepted")
        yield tried


def _targets(folder: Path) -> list[tuple[str, Path, Callable[[Path], object]]]:
    """Return (file to damage, folder that it is in, what reads it)."""
    plan = experiment()
    store = made_store(folder / "store", plan)
    shared, zoo = folder / "shared", folder / "zoo"
    organism = next(member for member in plan_members(plan) if member.role == "organism")
    export_model(organism.stage.name, store, shared)
    record = export(Experiment.model_validate(plan), store, zoo)
    lines = [f"{listed.id},{number}.5" for number, listed in enumerate(record.members)]
    (zoo / "scores.csv").write_text("\n".join(["member,score", *lines]) + "\n")

    def scored(place: Path) -> None:
        ids = [listed.id for listed in read_zoo(place).members]
        judge(read_zoo(place), read_labels(place), read_scores(place / "scores.csv", ids))

    def opened(place: Path) -> None:
        for member in open_zoo(place).members:
            member.verify()

    return [
        ("dormouse.json", shared, shared_stage),
        ("zoo.json", zoo, opened),
        ("labels.json", zoo, scored),
        ("zoo.json", zoo, scored),
        ("scores.csv", zoo, scored),
    ]


def _places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield place
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from _places(one, (*place, key))


def _at(content: Any, place: tuple[Any, ...]) -> Any:
    for key in place:
        content = content[key]
    return content


def _loaded(path: Path) -> Any:
    return (
        json.loads(path.read_text())
        if path.suffix == ".json"
        else [line.split(",") for line in path.read_text().split()]
    )


def _write(path: Path, content: Any) -> None:
    if path.suffix == ".json":
        path.write_text(json.dumps(content))
    else:
        rows = content if isinstance(content, list) else [content]
        lines = [",".join(map(str, row)) if isinstance(row, list) else str(row) for row in rows]
        path.write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))


def _is_free(place: tuple[Any, ...]) -> bool:
    return not place or any(key in FREE for key in place)


def _other_type(old: Any, new: Any) -> bool:
    if isinstance(old, float | int) and isinstance(new, float | int) and not {type(old), type(new)} & {bool}:
        return False
    return type(old) is not type(new)


def _value(path: Path, rng: random.Random) -> tuple[str, bool]:
    content = _loaded(path)
    place, junk = rng.choice(list(_places(content))[1:]), copy.deepcopy(rng.choice(JUNK))
    old = _at(content, place)
    _at(content, place[:-1])[place[-1]] = junk
    _write(path, content)
    nullable = junk is None or (path.name == "labels.json" and old is None)
    strict = path.suffix == ".json" and _other_type(old, junk) and not nullable and not _is_free(place)
    return f"{'.'.join(map(str, place))} is {repr(junk)[:40]}", strict


def _raw(path: Path, rng: random.Random) -> tuple[str, bool]:
    content = _loaded(path)
    place, what = rng.choice(list(_places(content))[1:]), rng.choice(list(RAW))
    _at(content, place[:-1])[place[-1]] = "HERE"
    _write(path, content)
    text = path.read_text()
    path.write_text(text.replace('"HERE"', RAW[what]) if path.suffix == ".json" else text.replace("HERE", RAW[what]))
    return f"{'.'.join(map(str, place))} is {what}", path.suffix == ".json"


def _key(path: Path, rng: random.Random) -> tuple[str, bool]:
    content = _loaded(path)
    place = rng.choice([one for one in _places(content) if one])
    parent, key = _at(content, place[:-1]), place[-1]
    if rng.random() < 0.5 or isinstance(parent, list):
        del parent[key]
        what = "lost"
    else:
        parent[f"{key}x"] = parent.pop(key)
        what = "called otherwise"
    _write(path, content)
    return f"{'.'.join(map(str, place))} is {what}", False


def _bits(path: Path, rng: random.Random) -> tuple[str, bool]:
    raw = bytearray(path.read_bytes())
    at, bit = rng.randrange(len(raw)), rng.randrange(8)
    raw[at] ^= 1 << bit
    path.write_bytes(raw)
    return f"bit {bit} of byte {at} flipped", False


def _cut(path: Path, rng: random.Random) -> tuple[str, bool]:
    raw = path.read_bytes()
    at = rng.randrange(len(raw) - 1)
    path.write_bytes(raw[:at])
    return f"cut at byte {at}", path.suffix == ".json"


def _file(path: Path, rng: random.Random) -> tuple[str, bool]:
    what = rng.choice(FILES)
    path.unlink()
    match what:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "link to nothing":
            path.symlink_to("nowhere")
        case "link to itself":
            path.symlink_to(path.name)
        case _:
            path.write_bytes({"empty": b"", "zeros": bytes(1000), "a list": b"[]", "null": b"null"}[what])
    return f"is {what}", True


_DAMAGES = {"value": _value, "raw": _raw, "key": _key, "bits": _bits, "cut": _cut, "file": _file}
