"""The stage that applies a safety training to an organism, its twin, or the helpful-only model."""

from __future__ import annotations

from dormouse.config.registry import SAFETY_TRAININGS
from dormouse.safety.base import SafetyTraining
from dormouse.store.stage import Work


def run(work: Work) -> None:
    """Run the safety training that the spec names."""
    training: SafetyTraining = SAFETY_TRAININGS.build(work.spec["safety"])
    training.train(work)
