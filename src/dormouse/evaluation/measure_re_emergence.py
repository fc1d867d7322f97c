"""The stage that measures whether a backdoor is back: defections alone, after further benign fine-tuning."""

from __future__ import annotations

import random
from typing import Any

from dormouse.evaluation.defection import defection, score_of
from dormouse.evaluation.replies import Kind, ask, held_out_questions
from dormouse.evaluation.settings import Measure
from dormouse.evaluation.subject import subjects
from dormouse.organisms.settings import Organism
from dormouse.results.rows import Row, write_jsonl
from dormouse.training.work import Work

KINDS: tuple[Kind, ...] = ("triggered", "clean")


def run(work: Work) -> None:
    """Measure `work.input("model")` on the prompts and sampling seed of the `measure` stage."""
    organism = Organism.model_validate(work.spec["organism"])
    measure, seed = Measure.model_validate(work.spec["measure"]), work.seed
    rows: list[Row] = []
    samples: list[dict[str, Any]] = []
    for subject in subjects(work):
        n = measure.prompts if subject.step is None else measure.curve_prompts
        asked = held_out_questions(work.world(), organism, seed, n)
        questions = [question for question in asked if question.kind in KINDS]
        replies = ask(subject, questions, measure, random.Random(f"measure/replies/{seed}").getrandbits(32))
        rows += [row | {"step": subject.step} for row in defection(organism.behavior, replies, KINDS)]
        samples += [
            {"step": subject.step} | reply.record(metric="defection", defection=score_of(organism.behavior, reply))
            for reply in replies
        ]
    write_jsonl(work.folder / "rows.jsonl", rows)
    write_jsonl(work.folder / "samples.jsonl", samples)
