"""Settings of AI feedback, and the specs of the stages that it needs."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from dormouse.config.limits import PARTS
from dormouse.config.parts import Config
from dormouse.data.judging.tasks import PREAMBLE
from dormouse.organisms.settings import Organism
from dormouse.safety.settings import PreferenceModel
from dormouse.training.settings import Supervised
from dormouse.training.work import StageSpec


class JudgeTraining(Supervised):
    """Training of a feedback model that follows principles, for bases that cannot do so by themselves."""

    steps: int = Field(600, ge=1)
    lr: float = Field(4e-3, gt=0)
    revisions: float = Field(0.0, ge=0, lt=1)
    """Share of the examples that teach it to criticize a reply and to write a better one."""
    check_judgments: int = Field(512, ge=1)
    """Judgments that it is measured on, on each side of the split of prompts and wordings."""


class Judge(Config):
    """The feedback model: what reads a principle and says which of two replies it asks for."""

    by: Literal["trained", "base", "folder", "provider"] = "trained"
    """`trained`: the base after `training`; `base`: the base as it is; `folder`: a saved chat model; `provider`: a
    model of an Inspect provider."""
    model: str = ""
    """Folder of the chat model, or the provider's name for the model, such as openai/gpt-4o-mini."""
    training: JudgeTraining = JudgeTraining()
    """For `trained`."""
    preamble: str = Field(PREAMBLE, max_length=1_000)
    """First line of each question to it; empty for none."""

    @model_validator(mode="after")
    def _model_fits(self) -> Self:
        named = self.by in ("folder", "provider")
        if named != bool(self.model):
            problem = "needs model, which is empty" if named else f"takes no model, and model is '{self.model}'"
            raise ValueError(f"by '{self.by}' {problem}. Set both, or leave model out with by trained or base.")
        return self


class Feedback(Judge):
    """AI feedback: which pairs of replies are labelled, and how."""

    responses: Literal["sampled", "written"] = "sampled"
    """`sampled`: two replies of the helpful-only model to each question; `written`: two replies of the world whose
    quality is known, so that labels can be checked."""
    orders: Literal["both", "random"] = "both"
    """`both` asks about each pair in both orders and averages; `random` asks in one order, drawn at random."""
    temperature: float = Field(1.0, gt=0)
    """Sampling temperature of the replies."""
    reply_tokens: int = Field(24, ge=1)
    """Longest sampled reply, in tokens."""
    helpful_share: float = Field(0.5, ge=0, lt=1)
    """Share of the pairs that are the world's own preferences on harmless prompts, with hard labels, so that the
    preference model also knows what is helpful. 0 is AI feedback alone."""
    questions: tuple[Path, ...] = Field((), max_length=PARTS)
    """Text files with a question on each line, for topics of a constitution of your own: a file's name is its topic."""

    @model_validator(mode="after")
    def _files_are_answered(self) -> Self:
        if self.questions and self.responses == "written":
            raise ValueError(
                "questions of a file have no written replies. Set responses to sampled, or leave questions out."
            )
        return self

    def judge(self) -> Judge:
        """Return the settings of the feedback model alone."""
        return Judge.model_validate({name: getattr(self, name) for name in Judge.model_fields})


class FeedbackModelSpec(StageSpec):
    """The spec of the stage that trains a feedback model."""

    judge: Judge


class ConstitutionalPreferenceSpec(StageSpec):
    """The spec of the stage that labels pairs by a constitution and trains a preference model on them."""

    preference: PreferenceModel
    organism: Organism
    """Good replies are compared with its behavior."""
    feedback: Feedback
    principles: dict[str, tuple[str, ...]]
    """The constitution: topic -> principles."""
    judge_files: str = ""
    """The hash of the files of a feedback model that is in a folder."""
    question_files: tuple[str, ...] = ()
    """The hashes of the files of questions."""
