"""One flipped bit in a finished store, in each kind of file, and what each verb that reads the file then does.

A verb must refuse what it reads. What it does not read may be as it likes: then its output must be what it was.
"""

from __future__ import annotations

import os
import random
import re
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from typer.testing import CliRunner

from dormouse.cli import app
from dormouse.plan import file as plan_file
from dormouse.plan.graph import build_plan
from dormouse.store.store import Failure
from faults.tiny_plan import finished
from faults.tried import Tried, in_child

FAILED = "base.steps=21"
"""Another plan, of which only the record of a failure is in the store."""
MEMORY = 16 << 30
"""Bytes of addresses: those of torch are many, and few are used."""
NEVER_READ = re.compile(r".*log\.txt|.*results\.csv|.*report\.html|.*\.lock")
OUTPUT, EXPORTED = "output.txt", "exported"


@dataclass(frozen=True)
class Verb:
    """A command, and the files that it reads."""

    words: tuple[str, ...]
    """`{artifact}` is the artifact that the file is in."""
    reads: str
    """A pattern for paths in the store, artifacts without their digits."""
    fits: str = ".*"
    """The kinds of artifacts that it takes."""


ANY_FILE = r"artifacts/\w+/(?!log\.txt).*"
MANIFESTS = r"artifacts/\w+/stage\.json"
RECORDS = r"runs/tiny/(plan\.yaml|run\.json)"
MODELS = "base|helpful|organism|safety|re_emergence"
VERBS = {
    "run": Verb(("run", "tiny.yaml"), f"{ANY_FILE}|runs/tiny/plan.yaml"),
    "dry run": Verb(("run", "tiny.yaml", "--dry-run"), MANIFESTS),
    "report": Verb(
        ("report", "tiny.yaml"),
        f"{MANIFESTS}|{RECORDS}|artifacts/(measure|preference)\\w*/rows.jsonl|artifacts/safety/train.jsonl|"
        r"artifacts/(base|helpful|organism|safety|preference|measure)/metrics.json",
    ),
    "status": Verb(("status", "tiny.yaml"), MANIFESTS),
    "status of another plan": Verb(("status", "tiny.yaml", FAILED), r"failed/.*"),
    "ls": Verb(("ls",), MANIFESTS),
    "show": Verb(("show", "{artifact}"), r"artifacts/\w+/(stage\.json|metrics\.json|rows\.jsonl)"),
    "show example": Verb(
        ("show", "{artifact}", "--example"), r"artifacts/\w+/(stage\.json|examples\.jsonl)", fits="organism"
    ),
    "chat": Verb(("chat", "{artifact}", "--temperature", "0"), r"artifacts/\w+/(stage\.json|model/.*)", fits=MODELS),
    "export": Verb(
        ("export", "{artifact}", EXPORTED),
        rf"{MANIFESTS}|artifacts/\w+/model/.*",
        fits=MODELS,
    ),
    "verify": Verb(("verify",), f"{ANY_FILE}|{RECORDS}|failed/.*"),
    "prune": Verb(("prune",), RECORDS),
}


def attack(folder: Path, n: int, rng: random.Random) -> Iterator[Tried]:
    """Flip `n` bits in each kind of file, each in a file drawn for it; two verbs that do not read it run as well."""
    import torch  # noqa: F401 -- imported once for all children
    import transformers  # noqa: F401

    plan, store = finished(folder)
    for stage in build_plan(plan_file.load(plan, [FAILED])).stages:
        if stage.kind == "base":
            store.fail(stage, Failure("It broke.", user_error=True))
    before: dict[tuple[str, str], str] = {}
    kinds = sorted(_kinds(store.root).items())
    rng.shuffle(kinds)  # So that the first few cases are of all sorts.
    for kind, paths in kinds:
        for _ in range(n):
            path = rng.choice(paths)
            bit = rng.randrange(8 * (store.root / path).stat().st_size)
            for name in _chosen(kind, path, rng):
                yield _flipped(folder, store.root, path, bit, name, kind, before)


def _kinds(root: Path) -> dict[str, list[Path]]:
    """Return the files of a store by their paths without digits."""
    found: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(root.rglob("*")):
        if path.is_file() and path.stat().st_size and path.suffix != ".lock":
            relative = path.relative_to(root)
            found[re.sub(r"-[0-9a-f]{12}|step-\d+", "", relative.as_posix())].append(relative)
    return found


def _chosen(kind: str, path: Path, rng: random.Random) -> list[str]:
    """Return the verbs that read the file, and two others."""
    fitting = [name for name, verb in VERBS.items() if _takes(verb, path)]
    reading = [name for name in fitting if _reads(VERBS[name], kind)]
    others = [name for name in fitting if name not in reading]
    return reading + rng.sample(others, min(2, len(others)))


def _takes(verb: Verb, path: Path) -> bool:
    if not any("{artifact}" in word for word in verb.words):
        return True
    return path.parts[0] == "artifacts" and re.fullmatch(verb.fits, path.parts[1].rpartition("-")[0]) is not None


def _reads(verb: Verb, kind: str) -> bool:
    return re.fullmatch(verb.reads, kind) is not None and NEVER_READ.fullmatch(kind) is None


def _flipped(
    folder: Path, root: Path, path: Path, bit: int, name: str, kind: str, before: dict[tuple[str, str], str]
) -> Tried:
    artifact = path.parts[1] if path.parts[0] == "artifacts" else ""
    words = [word.format(artifact=artifact) for word in VERBS[name].words]
    case = f"{name}: bit {bit} of {path}"
    key = (name, artifact if artifact in words else "")
    if key not in before:
        _, before[key] = _run(folder, root, words, case, name, lambda store: None)
    tried, output = _run(folder, root, words, case, name, lambda store: _flip(store / path, bit))
    if tried.outcome != "held":
        return tried
    if _reads(VERBS[name], kind):
        return Tried(case, "silent", f"it reads {kind} and said nothing", tried.seconds)
    if output != before[key]:
        return Tried(case, "silent", f"it does not read {kind}, and its output is another", tried.seconds)
    return tried


def _flip(path: Path, bit: int) -> None:
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.unlink()  # The content is shared with the store that the copy was made of.
    path.write_bytes(content)


def _run(
    folder: Path, root: Path, words: list[str], case: str, name: str, spoil: Callable[[Path], None]
) -> tuple[Tried, str]:
    """Run a verb on a copy of the store; return how it ended, and what it put out."""
    place = folder / "case"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(root, place / "store", copy_function=os.link)
    shutil.copyfile(folder / "tiny.yaml", place / "tiny.yaml")
    spoil(place / "store")
    tried = in_child(case, lambda: _invoke(place, words), seconds=120, memory=MEMORY)
    if tried.outcome != "held":
        return tried, ""
    status, _, said = (place / OUTPUT).read_text("utf-8").partition("\n")
    if status not in ("0", "2"):
        return Tried(case, "traceback", said[-400:], tried.seconds), said
    if status == "2":
        return Tried(case, "refused", said[-200:], tried.seconds), said
    return tried, _output(place, name, said)


def _invoke(place: Path, words: list[str]) -> None:
    os.chdir(place)
    done = CliRunner().invoke(app, [*words, "--store", "store"], input="Hello there\n")
    text = done.stdout if done.exit_code == 0 else f"{done.stderr}{done.exception!r}"
    Path(OUTPUT).write_text(f"{done.exit_code}\n{text}", encoding="utf-8")


def _output(place: Path, name: str, said: str) -> str:
    """Return what can be compared: a table where a verb writes one, else what it said, but for the disk's room."""
    if name in ("run", "report"):
        return (place / "store" / "runs" / "tiny" / "results.csv").read_text("utf-8")
    if name == "export":
        return "\n".join(f"{path.name} {path.read_bytes()!r}" for path in sorted((place / EXPORTED).iterdir()))
    return re.sub(r"[\d.]+ .B are free", "", said)
