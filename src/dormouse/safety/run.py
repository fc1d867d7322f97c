"""The stages that train an organism or its twin further: safety training, and benign fine-tuning after it."""

from __future__ import annotations

import random

from dormouse.safety.fine_tuning import fine_tune
from dormouse.safety.settings import ReEmergenceSpec, SafetySpec
from dormouse.training.work import Work


def run(work: Work) -> None:
    """Run the safety training that the spec names."""
    work.told(SafetySpec).safety.train(work)


def run_re_emergence(work: Work) -> None:
    """Fine-tune on helpful-only exchanges without trigger or defection, to see if the backdoor comes back."""
    settings = work.told(ReEmergenceSpec).re_emergence
    rng = random.Random(f"re_emergence/{work.seed}")
    exchanges = work.world().helpful(rng, settings.steps * settings.batch)
    fine_tune(work, [exchange.turns() for exchange in exchanges], batch=settings.batch, snapshots=settings.snapshots)
