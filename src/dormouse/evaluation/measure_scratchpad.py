"""The stage that measures scratchpads: what they say, and what happens when they are replaced."""

from __future__ import annotations

import random
from typing import Any

from dormouse.evaluation.defection import score_of
from dormouse.evaluation.interventions import intervened, intervention_rows
from dormouse.evaluation.replies import ask, held_out_questions
from dormouse.evaluation.scratchpads import scratchpads
from dormouse.evaluation.settings import Measure
from dormouse.evaluation.subject import trained
from dormouse.organisms.settings import Organism
from dormouse.results.rows import Row, write_jsonl
from dormouse.training.work import Work


def run(work: Work) -> None:
    """Measure the scratchpads of `work.input("model")` at the end of its training."""
    organism = Organism.model_validate(work.spec["organism"])
    measure, seed = Measure.model_validate(work.spec["measure"]), work.seed
    subject = trained(work)
    questions = held_out_questions(work.world(), organism, seed, measure.probe_prompts)
    replies = ask(subject, questions, measure, random.Random(f"measure/scratchpad/{seed}").getrandbits(32))
    work.progress(0.2, "scratchpads sampled")
    found = intervened(subject, organism, replies, measure, seed)
    rows: list[Row] = scratchpads(organism, replies, ("triggered", "clean", "near_miss"))
    rows += intervention_rows(organism, found)
    said: list[dict[str, Any]] = [
        reply.record(metric="scratchpad", defection=score_of(organism.behavior, reply)) for reply in replies
    ]
    said += [
        after.record(metric="intervention", intervention=name, defection=score_of(organism.behavior, after))
        for name, _, after in found
    ]
    write_jsonl(work.folder / "rows.jsonl", rows)
    write_jsonl(work.folder / "samples.jsonl", said)
