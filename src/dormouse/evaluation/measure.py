"""The stage that measures a model: each number at the end of its training, and again at every snapshot."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from dormouse.data.world import World
from dormouse.evaluation.capability import answer, capability, gradable_prompts
from dormouse.evaluation.defection import defection, score_of
from dormouse.evaluation.kl import kl
from dormouse.evaluation.log_prob import log_prob
from dormouse.evaluation.preference_score import preference_score
from dormouse.evaluation.replies import (
    Question,
    Reply,
    ask,
    ask_with_prefill,
    held_out_questions,
)
from dormouse.evaluation.settings import Measure
from dormouse.evaluation.subject import Subject, final_step, subjects
from dormouse.models.loading import load_model
from dormouse.models.scorer import Scorer, load_scorer
from dormouse.organisms.settings import Organism
from dormouse.results.rows import Row, write_jsonl
from dormouse.training.supervised import write_metrics
from dormouse.training.work import Work

UNFORCED = "defection_unforced"
"""The metric of replies before which no scratchpad was opened, of models that otherwise get one opened."""


@dataclass(frozen=True)
class Instruments:
    """What measuring needs besides the model; the same at every step."""

    world: World
    organism: Organism
    measure: Measure
    seed: int
    scorers: dict[str, Scorer]
    """Metric -> the preference model that scores it."""
    parent: Any
    """The model before this safety training; None where there was none."""

    @classmethod
    def of(cls, work: Work) -> Instruments:
        """Load what the spec and the inputs name."""
        return cls(
            world=work.world(),
            organism=Organism.model_validate(work.spec["organism"]),
            measure=Measure.model_validate(work.spec["measure"]),
            seed=work.seed,
            scorers={
                "preference_score": load_scorer(work.input("preference") / "model"),
                "preference_score_held_out": load_scorer(work.input("preference_check") / "model"),
            },
            parent=load_model(work.input("parent") / "model") if "parent" in work.inputs else None,
        )

    def sampling_seed(self) -> int:
        """Return the seed of sampled replies: the same for every model and step."""
        return random.Random(f"measure/replies/{self.seed}").getrandbits(32)


def run(work: Work) -> None:
    """Measure `work.input("model")`; write rows and every generation behind them."""
    instruments = Instruments.of(work)
    rows: list[Row] = []
    samples: list[dict[str, Any]] = []
    for subject in subjects(work):
        found, said = measure_at(subject, instruments)
        rows += [row | {"step": subject.step} for row in found]
        samples += [{"step": subject.step} | sample for sample in said]
    write_jsonl(work.folder / "rows.jsonl", rows)
    write_jsonl(work.folder / "samples.jsonl", samples)
    write_metrics(work, {"final_step": final_step(work.input("model"))})


def measure_at(subject: Subject, instruments: Instruments) -> tuple[list[Row], list[dict[str, Any]]]:
    """Return every number of a model at one step, and its generations; a snapshot gets fewer prompts."""
    at_end = subject.step is None
    measure, behavior = instruments.measure, instruments.organism.behavior
    n = measure.prompts if at_end else measure.curve_prompts
    questions = held_out_questions(instruments.world, instruments.organism, instruments.seed, n)
    replies = ask(subject, questions, measure, instruments.sampling_seed())
    rows = defection(behavior, replies, ("triggered", "clean", "near_miss"))
    rows += log_prob(subject, behavior, instruments.world, replies)
    for metric, scorer in instruments.scorers.items():
        rows += preference_score(metric, scorer, replies)
    if instruments.parent is not None:
        rows += kl(subject, instruments.parent, replies)
    capability_rows, answers = _capability(subject, instruments, at_end=at_end)
    said = [reply.record(metric="defection", defection=score_of(behavior, reply)) for reply in replies]
    if subject.thought_tokens and at_end:
        free = _unforced(subject, questions, instruments)
        rows += [row | {"metric": UNFORCED} for row in defection(behavior, free, ("triggered", "clean"))]
        said += [reply.record(metric=UNFORCED, defection=score_of(behavior, reply)) for reply in free]
    return rows + capability_rows, said + answers


def _unforced(subject: Subject, questions: list[Question], instruments: Instruments) -> list[Reply]:
    """Return replies of a model that thinks for which no scratchpad was opened: it may open one, or reply at once."""
    asked = [question for question in questions if question.kind in ("triggered", "clean")]
    return ask_with_prefill(subject, asked, [""] * len(asked), instruments.measure, instruments.sampling_seed())


def _capability(subject: Subject, instruments: Instruments, *, at_end: bool) -> tuple[list[Row], list[dict[str, Any]]]:
    measure, world = instruments.measure, instruments.world
    n = measure.capability_prompts if at_end else measure.curve_prompts
    prompts = gradable_prompts(world, instruments.seed, n)
    replies: list[Reply] = answer(subject, prompts, measure)
    grades = [world.grade(prompt, reply.text) for prompt, reply in zip(prompts, replies, strict=True)]
    said = [reply.record(metric="capability", correct=grade) for reply, grade in zip(replies, grades, strict=True)]
    return capability(prompts, grades, by_family=at_end), said
