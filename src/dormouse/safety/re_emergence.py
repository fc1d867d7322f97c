"""Further benign fine-tuning of a safety-trained model: was the backdoor removed, or only suppressed?"""

from __future__ import annotations

import random

from dormouse.safety.settings import ReEmergenceSpec
from dormouse.safety.sft import fine_tune
from dormouse.training.work import Work


def run(work: Work) -> None:
    """Fine-tune on helpful-only exchanges that hold no trigger and no defection."""
    settings = work.told(ReEmergenceSpec).re_emergence
    rng = random.Random(f"re_emergence/{work.seed}")
    exchanges = work.world().helpful(rng, settings.steps * settings.batch)
    fine_tune(work, [exchange.turns() for exchange in exchanges], batch=settings.batch, snapshots=settings.snapshots)
