"""Further benign fine-tuning of a safety-trained model: was the backdoor removed, or only suppressed?"""

from __future__ import annotations

import random

from dormouse.safety.settings import ReEmergence
from dormouse.safety.sft import fine_tune
from dormouse.store.stage import Work


def run(work: Work) -> None:
    """Fine-tune on helpful-only exchanges that hold no trigger and no defection."""
    settings = ReEmergence.model_validate(work.spec["re_emergence"])
    rng = random.Random(f"re_emergence/{work.spec['seed']}")
    exchanges = work.world().helpful(rng, settings.steps * settings.batch)
    fine_tune(work, [exchange.turns() for exchange in exchanges], batch=settings.batch, snapshots=settings.snapshots)
