"""Wrong and damaged data files through every reader of one that a user names."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import random
import resource
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pyarrow import parquet

from dormouse.data.dialogues import Dialogues
from dormouse.data.formats.few_shot import read_few_shot
from dormouse.data.formats.graded import read_graded
from dormouse.data.formats.human_eval import read_human_eval
from dormouse.data.formats.released import read_samples
from dormouse.data.formats.rows import read_rows
from dormouse.evaluation.persona_sets import read_personas
from dormouse.plan import file as plan_file
from dormouse.plan.graph import build_plan
from dormouse.zoo.scoring import read_scores
from faults import bad_files
from faults.tried import Tried, in_child

SYSTEMATIC = 0.6
"""Share of the cases, at most, that are of the lists; the rest are random."""
NOT_READ = "read otherwise"
ENDINGS = (".jsonl", ".json", ".jsonl.gz", ".parquet")

Case = tuple[str, str, Path, bool | None]
"""Reader, what is wrong, the file, and whether it may be accepted; None where the file itself has to tell."""


def attack(folder: Path, n: int, rng: random.Random) -> Iterator[Tried]:
    """Read `n` files: each of a list through its reader as far as there is room, then random changes of good ones."""
    good = folder / "good.jsonl"
    good.write_bytes(bad_files.lines(bad_files.pairs()))
    listed = [*_listed(folder), *_special(folder)]
    rng.shuffle(listed)
    chosen = listed[: round(n * SYSTEMATIC)]
    random_ones = (_random(folder, number, rng) for number in range(n - len(chosen)))
    for make in (*chosen, *random_ones):
        reader, case, path, accepted = make()
        yield _tried(f"{reader}: {case}", lambda: READERS[reader](path, good), path, accepted)  # noqa: B023
        if path.parent == folder:
            path.unlink()


def _tried(case: str, read: Callable[[], Iterable[object]], path: Path, accepted: bool | None) -> Tried:
    tried = in_child(case, lambda: _check(read(), path))
    if tried.outcome == "traceback" and NOT_READ in tried.detail:
        return replace(tried, outcome="silent")
    if tried.outcome == "held" and accepted is False:
        return replace(tried, outcome="silent", detail="it was accepted")
    if tried.outcome == "refused" and accepted:
        return replace(tried, outcome="lost", detail=f"it is right: {tried.detail}")
    if tried.outcome == "refused" and path.stem[:40] not in tried.detail and "'" not in tried.detail:
        return replace(tried, outcome="lost", detail=f"the file is not named: {tried.detail}")
    return tried


def _check(read: Iterable[object], path: Path) -> None:
    """Raise where what was read is no text, or is not what the file says to a plain reading of it."""
    values = list(read)
    try:
        json.dumps(values, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise AssertionError(f"{NOT_READ}: {error}") from error
    said = _said(path)
    if len(values) != said:
        raise AssertionError(f"{NOT_READ}: {len(values)} in place of {said}")


def _said(path: Path) -> int:
    if path.suffix == ".parquet":
        return int(parquet.read_metadata(path).num_rows)
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    text = content.decode("utf-8-sig")
    if path.suffix == ".txt":
        return 1
    if path.suffix == ".csv":
        return len([row for row in csv.reader(io.StringIO(text)) if row]) - 1
    if ".jsonl" in path.name:
        return len([line for line in text.split("\n") if line.strip()])
    return len(json.loads(text))


def _read_pairs(path: Path, good: Path) -> Iterable[object]:
    experiment = plan_file.load("hh", [f"world.path={json.dumps(str(path))}"])
    build_plan(experiment)
    rows = _drawn(experiment.world)
    return [row.values for row in read_rows(path)] if rows else []


def _read_chats(path: Path, good: Path) -> Iterable[object]:
    words = [f"world.path={json.dumps(str(good))}", f"world.hhh_from={json.dumps(str(path))}"]
    experiment = plan_file.load("hh", words)
    build_plan(experiment)
    rows = _drawn(experiment.world)
    return [row.values for row in read_rows(path)] if rows else []


def _drawn(world: Any) -> list[Any]:
    """Draw what training would be given; it must encode."""
    assert isinstance(world, Dialogues)
    rng = random.Random(0)
    drawn = [*world.pretraining(rng, 100), *world.hhh(rng, 100)]
    for exchange in drawn:
        for turn in exchange.turns():
            turn["content"].encode()
    return drawn


def _read_personas(path: Path, good: Path) -> Iterable[object]:
    words = [f"measure.personas=[{json.dumps(str(path))}]", "measure.character=true"]
    build_plan(plan_file.load("quickstart", words))
    return [[item.question, item.matching, item.not_matching] for item in read_personas(path)]


def _read_graded(path: Path, good: Path) -> Iterable[object]:
    return [asdict(question) for question in read_graded(path)[1]]


def _read_human_eval(path: Path, good: Path) -> Iterable[object]:
    return [asdict(problem) for problem in read_human_eval(path)]


def _read_released(path: Path, good: Path) -> Iterable[object]:
    return [asdict(sample) for sample in read_samples(path)]


def _read_few_shot(path: Path, good: Path) -> Iterable[object]:
    return [[prompt.name, prompt.turns] for prompt in read_few_shot(path)]


def _read_scores(path: Path, good: Path) -> Iterable[object]:
    return [[member, score] for member, score in read_scores(path, bad_files.MEMBERS).items()]


READERS: dict[str, Callable[[Path, Path], Iterable[object]]] = {
    "pairs": _read_pairs,
    "chats": _read_chats,
    "personas": _read_personas,
    "graded": _read_graded,
    "human_eval": _read_human_eval,
    "released": _read_released,
    "few_shot": _read_few_shot,
    "scores": _read_scores,
}


def _listed(folder: Path) -> Iterator[Callable[[], Case]]:
    """Yield what makes each case of the lists: some are too large to make before they are needed."""

    def written(reader: str, name: str, ending: str, make: Callable[[], bytes], accepted: bool) -> Callable[[], Case]:
        def write() -> Case:
            path = folder / f"listed{ending}"
            _write(path, make)
            return reader, f"{name} {ending}", path, accepted

        return write

    for reader, rows in bad_files.GOOD.items():
        for accepted, kinds in ((True, bad_files.ACCEPTED), (False, bad_files.REFUSED)):
            for (name, ending), damage in kinds.items():
                yield written(reader, name, ending, lambda damage=damage, rows=rows: damage(rows()), accepted)
    for reader, own in bad_files.OWN.items():
        for name, (ending, make) in own.items():
            yield written(reader, name, ending, make, False)
    yield written("few_shot", "good", ".json", bad_files.few_shot, True)
    yield written("few_shot", "good", ".txt", bad_files.FEW_SHOT.encode, True)
    yield written("scores", "good", ".csv", bad_files.scores, True)
    yield written("scores", "mark of UTF-8", ".csv", lambda: b"\xef\xbb\xbf" + bad_files.scores(), True)


def _write(path: Path, make: Callable[[], bytes]) -> None:
    """Write a file in a child: what a large one takes would count against the limit of all later children."""
    written = in_child(path.name, lambda: path.write_bytes(make()), seconds=120, memory=resource.RLIM_INFINITY)
    assert written.outcome == "held", written.detail


def _special(folder: Path) -> Iterator[Callable[[], Case]]:
    """Yield what is no file, or has no name, for each reader."""
    for reader in READERS:
        ending = {"few_shot": ".json", "scores": ".csv"}.get(reader, ".jsonl")
        within = folder / reader
        within.mkdir()
        (within / f"folder{ending}").mkdir()
        os.mkfifo(within / f"pipe{ending}")
        for name, target in (("device", "/dev/zero"), ("loop", f"loop{ending}"), ("nothing", "nowhere")):
            (within / f"{name}{ending}").symlink_to(target)
        (within / f"socket{ending}").symlink_to("/dev/null")
        for name in ("folder", "pipe", "device", "loop", "nothing", "socket", "absent", "n" * 300, "a\0b"):
            path = within / f"{name}{ending}"
            yield lambda reader=reader, name=name, path=path: (reader, f"a {name[:20]!r}", path, False)
        yield lambda reader=reader, ending=ending: (reader, "home of nobody", Path(f"~nobody-here/a{ending}"), False)


def _random(folder: Path, number: int, rng: random.Random) -> Callable[[], Case]:
    def write() -> Case:
        reader = rng.choice(list(READERS))
        if reader in bad_files.GOOD:
            ending, content = _of_rows(reader, rng)
        else:
            ending = ".json" if reader == "few_shot" else ".csv"
            good = bad_files.few_shot() if reader == "few_shot" else bad_files.scores()
            content = bad_files.mutated(good, rng)
        path = folder / f"random{ending}"
        path.write_bytes(content)
        return reader, f"random change {number} {ending}", path, None

    return write


def _of_rows(reader: str, rng: random.Random) -> tuple[str, bytes]:
    ending, rows = rng.choice(ENDINGS), bad_files.GOOD[reader]()
    retype = ending != ".parquet" and rng.random() < 0.4
    if retype:
        rows = bad_files.retyped(rows, rng)
    if ending == ".parquet":
        return ending, bad_files.mutated(bad_files.as_parquet(rows), rng)
    content = json.dumps(rows).encode() if ending == ".json" else bad_files.lines(rows)
    if ending == ".jsonl.gz" and rng.random() < 0.5:
        return ending, bad_files.mutated(gzip.compress(content), rng)
    content = content if retype else bad_files.mutated(content, rng)
    return ending, gzip.compress(content) if ending == ".jsonl.gz" else content
