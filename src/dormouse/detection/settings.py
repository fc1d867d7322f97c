"""Settings of detection: the detectors, and how much each is given."""

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
    """Detectors, what they are given, and how much they must judge."""

    detectors: dict[Name, Annotated[SerializeAsAny[Detector], from_registry(DETECTORS)]] = Field(
        default_factory=dict, max_length=PARTS
    )
    """Each judges every organism and twin before safety training, within its protocol."""
    prompts: int = Field(256, ge=2)
    """Prompts with the trigger, and as many without, in every stream that is judged."""
    clean: int = Field(512, ge=2)
    """Trusted prompts without the trigger that every detector gets."""
    poisoned: int = Field(128, ge=2)
    """Labeled prompts with the trigger, and as many without, for detectors whose protocol shows them."""
    reply_tokens: int = Field(32, ge=1)
    """Longest reply in which a found trigger's effect is looked for."""
    layers_at: str = ""
    """Where a model keeps its layers ("model.layers"), if that is not found."""


class DetectSpec(StageSpec):
    """What the stage that puts a detector to a model is told."""

    organism: Organism
    """Trigger and behavior, for the streams that are judged. The detector sees what its protocol grants."""
    detect: Detect
    detector: Annotated[SerializeAsAny[Detector], from_registry(DETECTORS)]
    called: str
    """The detector's name in the plan."""
