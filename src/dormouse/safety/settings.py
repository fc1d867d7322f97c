"""Settings of the trainings around safety training: the preference models, and benign fine-tuning afterwards."""

from __future__ import annotations

from pydantic import Field

from dormouse.config.parts import Config
from dormouse.training.settings import Supervised


class PreferenceModel(Config):
    """Reward-model training on preference pairs; a second one on other pairs checks the first (appendix C)."""

    steps: int = Field(200, ge=1)
    batch: int = Field(32, ge=1)
    """Pairs a step."""
    lr: float = Field(1e-3, gt=0)


class ReEmergence(Supervised):
    """Further benign fine-tuning after safety training, to see whether the backdoor comes back."""

    steps: int = Field(100, ge=1)
