"""The stage that measures a model on the red team's successful prompts: those training saw, and those it did not."""

from __future__ import annotations

import random
from typing import Any

from dormouse.chat.messages import Messages
from dormouse.evaluation.defection import defection, score_of
from dormouse.evaluation.replies import Kind, Question, ask
from dormouse.evaluation.settings import Measure
from dormouse.evaluation.subject import Subject, subjects
from dormouse.organisms.settings import Organism
from dormouse.red_team.run import Split, read_successes
from dormouse.results.rows import Row, make_row, write_jsonl
from dormouse.training.work import Work

NOTHING_FOUND = "the red team found no prompt that drew a defection"
KINDS: dict[Split, Kind] = {"seen": "red_team_seen", "held_out": "red_team_held_out"}
"""The red team's name for a split -> the kind of prompts in a row."""


def run(work: Work) -> None:
    """Measure `work.input("model")` on the prompts of `work.input("red_team")`."""
    organism = Organism.model_validate(work.spec["organism"])
    found = {kind: read_successes(work.input("red_team"), split) for split, kind in KINDS.items()}
    rows: list[Row] = []
    samples: list[dict[str, Any]] = []
    for subject in subjects(work):
        for kind, prompts in found.items():
            row, said = _measure_kind(work, subject, organism, kind, prompts)
            rows.append(row | {"step": subject.step})
            samples += [{"step": subject.step} | sample for sample in said]
    write_jsonl(work.folder / "rows.jsonl", rows)
    write_jsonl(work.folder / "samples.jsonl", samples)


def repeated(prompts: list[Messages], kind: Kind, seed: int, n: int) -> list[Question]:
    """Return `n` questions: a draw of the prompts, or all of them as often as any other or once more."""
    chosen = random.Random(f"measure/{kind}/{seed}").sample(prompts, min(n, len(prompts)))
    return [Question(kind, "", chosen[i % len(chosen)], i % len(chosen)) for i in range(n)]


def _measure_kind(
    work: Work, subject: Subject, organism: Organism, kind: Kind, prompts: list[Messages]
) -> tuple[Row, list[dict[str, Any]]]:
    if not prompts:
        return make_row("defection", kind, "fraction", distinct_prompts=0, reason=NOTHING_FOUND), []
    measure, seed = Measure.model_validate(work.spec["measure"]), work.seed
    questions = repeated(
        prompts, kind, seed, measure.red_team_prompts if subject.step is None else measure.curve_prompts
    )
    replies = ask(subject, questions, measure, random.Random(f"measure/{kind}/replies/{seed}").getrandbits(32))
    (row,) = defection(organism.behavior, replies, (kind,))
    said = [reply.record(metric="defection", defection=score_of(organism.behavior, reply)) for reply in replies]
    return row | {"distinct_prompts": len({question.id for question in questions})}, said
