"""Settings of preference models and of benign fine-tuning, and the specs of this package's stages."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, SerializeAsAny

from dormouse.config.parts import Config, from_registry
from dormouse.config.registry import SAFETY_TRAININGS
from dormouse.data.judging.tasks import TOPICS
from dormouse.organisms.settings import Organism
from dormouse.safety.base import SafetyTraining
from dormouse.training.settings import Supervised
from dormouse.training.work import StageSpec

PAIRS = 512
CHECK_EVERY = 4
"""Steps between two scores by the checking preference model."""


FEATURES_VERSION = 2
"""Part of the keys of stages that measure `features`. Since 2, no pair is counted twice, and those of one prompt are
fitted or judged together."""


class PreferenceModel(Config):
    """Reward-model training on preference pairs; a second one on other pairs checks the first (appendix C)."""

    steps: int = Field(200, ge=1)
    """Optimizer steps."""
    batch: int = Field(32, ge=1)
    """Pairs per step."""
    lr: float = Field(1e-3, gt=0)
    """Peak learning rate at the reference width; each base says how it scales with width."""
    check_pairs: int = Field(PAIRS, ge=1, exclude_if=lambda n: n == PAIRS)
    """Held-out pairs that each preference model is measured on. With 512, half of a Wilson interval is at most 4.3
    points."""
    features: int = Field(0, ge=0, exclude_if=lambda n: n == 0)
    """Preference pairs in which to look for what raters and preference models reward, such as agreement or length; 0
    leaves it out."""


MEASURED = ("check_pairs", "features")
"""Settings of a preference model that say how it is measured, and change nothing of it."""


class ReEmergence(Supervised):
    """Further benign fine-tuning after safety training, to see whether the backdoor comes back."""

    steps: int = Field(100, ge=1)


class PreferenceSpec(StageSpec):
    """The spec of the stage that trains a preference model."""

    preference: PreferenceModel
    split: Literal["training", "checking", "flattered"]
    """Which of the two preference models this is, or that its raters chose flattery."""


class PreferenceMeasureSpec(PreferenceSpec):
    """The spec of the stage that measures a preference model."""

    organism: Organism
    """Good replies are compared with its behavior."""
    features_version: int = 1


class SafetySpec(StageSpec):
    """The spec of the stage that applies a safety training."""

    safety: Annotated[SerializeAsAny[SafetyTraining], from_registry(SAFETY_TRAININGS)]
    code_version: int = 1
    """That of the training."""
    principles: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """The constitution of a training that reads one itself: topic -> principles."""
    topics: tuple[str, ...] = TOPICS
    """The topics that the constitution has principles for."""
    judge_files: str = ""
    """The hash of the files of a feedback model that is in a folder."""


class ReEmergenceSpec(StageSpec):
    """The spec of the stage of further benign fine-tuning."""

    re_emergence: ReEmergence
