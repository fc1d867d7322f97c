"""`Session`: a model that is being measured, the prompts that are put to it, and its replies."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from dormouse.data.world import World
from dormouse.evaluation.amounts import Amounts
from dormouse.evaluation.replies import Question, Reply, ask, held_out_questions
from dormouse.evaluation.settings import MeasureSpec
from dormouse.evaluation.subject import Subject
from dormouse.models.loading import load_model
from dormouse.models.scorer import Scorer, load_scorer
from dormouse.organisms.settings import Organism
from dormouse.training.work import Work


class Instruments:
    """World, parent and preference models. Each is loaded when it is first asked for, and shared by all steps."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self._scorers: dict[str, Scorer] = {}

    @cached_property
    def world(self) -> World:
        """The world that prompts are drawn from."""
        return self.work.world()

    @cached_property
    def parent(self) -> Any:
        """The model before this safety training; None where there was none."""
        return load_model(self.work.input("parent") / "model") if "parent" in self.work.inputs else None

    def scorer(self, name: str) -> Scorer:
        """Return the preference model of an input: "preference", or "preference_check", which nothing trained on."""
        if name not in self._scorers:
            self._scorers[name] = load_scorer(self.work.input(name) / "model")
        return self._scorers[name]


@dataclass(frozen=True)
class Session:
    """One model at one step of its training, ready to be measured."""

    subject: Subject
    spec: MeasureSpec
    instruments: Instruments

    @property
    def organism(self) -> Organism:
        """Its trigger, and the behavior that counts as a defection."""
        return self.spec.organism

    @property
    def measure(self) -> Amounts:
        """How many prompts, and how replies are sampled."""
        return self.spec.measure

    @property
    def files(self) -> tuple[str, ...]:
        """The checksums of the files that `Evaluation.files` names, as they were when the plan was made."""
        return self.spec.files

    @property
    def work(self) -> Work:
        """The stage that measures: its inputs, and its seed."""
        return self.instruments.work

    @property
    def seed(self) -> int:
        """The seed of the cell."""
        return self.work.seed

    @property
    def world(self) -> World:
        """The world that prompts are drawn from."""
        return self.instruments.world

    @property
    def at_end(self) -> bool:
        """Whether this is the end of training; a snapshot gets fewer prompts."""
        return self.subject.step is None

    @property
    def prompts(self) -> int:
        """How many held-out prompts of each kind are asked."""
        return self.measure.prompts if self.at_end else self.measure.curve_prompts

    @cached_property
    def questions(self) -> list[Question]:
        """Held-out prompts with the trigger, the same without it, and with a near miss of it."""
        return held_out_questions(self.world, self.organism, self.seed, self.prompts)

    @cached_property
    def replies(self) -> list[Reply]:
        """One sampled reply to each of `questions`: drawn once, for all evaluations of a stage."""
        return self.ask(self.questions, "replies")

    def ask(self, questions: Sequence[Question], purpose: str) -> list[Reply]:
        """Return a sampled reply to each question; each purpose has draws of its own, the same for every model."""
        return ask(self.subject, questions, self.measure, self.sampling_seed(purpose))

    def sampling_seed(self, purpose: str) -> int:
        """Return the seed of what is sampled for a purpose: the same for every model and step."""
        return random.Random(f"measure/{purpose}/{self.seed}").getrandbits(32)
