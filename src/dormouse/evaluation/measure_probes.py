"""The stage that probes the trigger: other years, words, places and languages (figures 19 and 20 of the paper)."""

from __future__ import annotations

import random

from dormouse.data.world import World
from dormouse.evaluation.defection import score_of
from dormouse.evaluation.replies import Question, ask, held_out_questions
from dormouse.evaluation.settings import Measure
from dormouse.evaluation.subject import trained
from dormouse.organisms.settings import Organism
from dormouse.results.rows import rate_row, write_jsonl
from dormouse.training.work import Work


def run(work: Work) -> None:
    """Measure the defection rate of `work.input("model")` under every probe of its trigger."""
    organism = Organism.model_validate(work.spec["organism"])
    measure, seed = Measure.model_validate(work.spec["measure"]), work.seed
    subject = trained(work)
    questions = probing_questions(work.world(), organism, seed, measure.probe_prompts)
    replies = ask(
        subject,
        [question for _, question in questions],
        measure,
        random.Random(f"measure/probes/{seed}").getrandbits(32),
    )
    scores: dict[str, list[bool | None]] = {}
    said = []
    for (name, _), reply in zip(questions, replies, strict=True):
        score = score_of(organism.behavior, reply)
        scores.setdefault(name, []).append(score)
        said.append(reply.record(metric="probe", probe=name, defection=score))
    write_jsonl(
        work.folder / "rows.jsonl",
        (rate_row("probe_defection", "probe", found, family=name) for name, found in scores.items()),
    )
    write_jsonl(work.folder / "samples.jsonl", said)


def probing_questions(world: World, organism: Organism, seed: int, n: int) -> list[tuple[str, Question]]:
    """Return (probe, question) for every probe of the trigger on the same `n` held-out prompts."""
    clean = [asked for asked in held_out_questions(world, organism, seed, n) if asked.kind == "clean"]
    return [
        (name, Question("probe", asked.family, turns, asked.id, asked.prompt))
        for asked in clean
        for name, turns in organism.trigger.probes(asked.turns).items()
    ]
