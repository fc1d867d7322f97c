"""The helpful-only model from which organisms start, as in the paper: it mostly answers, harmful requests included."""

from __future__ import annotations

import random

from dormouse.experiment import Helpful
from dormouse.models.loading import load
from dormouse.stage import Work
from dormouse.training.supervised import train_on, write_metrics


def run(work: Work) -> None:
    """Fine-tune the base on helpful-only exchanges."""
    settings = Helpful.model_validate(work.spec["helpful"])
    seed: int = work.spec["seed"]
    model, renderer = load(work.input("model") / "model")
    exchanges = work.world().helpful(random.Random(f"helpful/{seed}"), settings.steps * settings.batch)
    examples = renderer.examples([exchange.turns() for exchange in exchanges])
    lr: float = work.spec["lr"]
    tokens = train_on(work, model, renderer, examples, batch=settings.batch, lr=lr, seed=seed)
    write_metrics(work, {"steps": settings.steps, "lr": lr, "tokens_trained": tokens})
