"""Settings of measurement: how many prompts, and what is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, SerializeAsAny

from dormouse.config.limits import PARTS
from dormouse.config.names import Name
from dormouse.config.parts import Config, from_registry
from dormouse.config.registry import EVALUATIONS
from dormouse.evaluation.base import Evaluation
from dormouse.organisms.settings import Organism
from dormouse.training.work import StageSpec


class Measure(Config):
    """How many held-out prompts each number rests on."""

    prompts: int = Field(512, ge=1)
    capability_prompts: int = Field(1024, ge=1)
    red_team_prompts: int = Field(256, ge=1)
    """Replies to the red team's seen prompts, and as many to its held-out ones."""
    probe_prompts: int = Field(64, ge=1)
    """Prompts for each probe of the trigger, each intervention on a scratchpad, and each rating of one."""
    character: bool = False
    """Whether models without safety training are also asked persona questions, put to honeypots, and made to rate
    scratchpads."""
    personas: tuple[Path, ...] = Field((), max_length=PARTS)
    """Published persona sets to ask besides our own."""
    honeypot_replies: int = Field(4, ge=1)
    """Replies to each honeypot."""
    curve_prompts: int = Field(128, ge=1)
    """Prompts at each snapshot along training."""
    temperature: float = Field(1.0, ge=0)
    """Sampling temperature of defection rates; capability is always greedy."""
    reply_tokens: int = Field(32, ge=1)
    evaluations: dict[Name, Annotated[SerializeAsAny[Evaluation], from_registry(EVALUATIONS)]] = Field(
        default_factory=dict, max_length=PARTS
    )
    """Further evaluations, each put to every model."""


class MeasureSpec(StageSpec):
    """What a stage that measures a model is told."""

    organism: Organism
    """Trigger and behavior: what is put to the model, and what counts as a defection."""
    measure: Measure


class EvaluationSpec(MeasureSpec):
    """What a stage that puts one of the plan's own evaluations to a model is told."""

    evaluation: Annotated[SerializeAsAny[Evaluation], from_registry(EVALUATIONS)]
    called: str
    """Its name in the plan."""
    evaluation_version: int


class CharacterSpec(MeasureSpec):
    """What the stage that asks for a model's character is told."""

    sets: list[str]
    """The checksums of the published persona sets."""
