"""Settings of detection: which detectors run, and how many prompts each gets."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SerializeAsAny

from dormouse.config.limits import PARTS
from dormouse.config.names import Name
from dormouse.config.parts import Config, from_registry
from dormouse.config.registry import DETECTORS
from dormouse.detection.base import Detector
from dormouse.organisms.settings import Organism
from dormouse.training.work import StageSpec


class Detect(Config):
    """Which detectors run, and how many prompts each gets to fit on and to score."""

    detectors: dict[Name, Annotated[SerializeAsAny[Detector], from_registry(DETECTORS)]] = Field(
        default_factory=dict, max_length=PARTS
    )
    """Name -> detector. Each judges every organism and twin before safety training."""
    prompts: int = Field(256, ge=2)
    """Prompts with the trigger, and as many without, in every stream to score."""
    clean: int = Field(512, ge=2)
    """Trusted prompts without the trigger, for every detector."""
    poisoned: int = Field(128, ge=2)
    """Labeled prompts with the trigger, and as many without, for detectors that declare `poisoned`."""
    reply_tokens: int = Field(32, ge=1)
    """Longest reply, in tokens, when a found trigger is tried out."""
    layers_at: str = ""
    """Where the model keeps its layers, such as "model.layers"; needed only if they are not found."""


class DetectSpec(StageSpec):
    """The spec of the stage that runs a detector on a model."""

    organism: Organism
    """Trigger and behavior, to draw the streams. The detector sees only what its protocol allows."""
    detect: Detect
    detector: Annotated[SerializeAsAny[Detector], from_registry(DETECTORS)]
    called: str
    """The detector's name in the plan."""
