"""The stage that takes a backdoor out of a model, at one strength."""

from __future__ import annotations

import random

from dormouse.config.registry import REMOVALS
from dormouse.models.loading import load
from dormouse.removal.base import Removal
from dormouse.store.stage import Work
from dormouse.training.supervised import save_model, train_on, write_metrics


def run(work: Work) -> None:
    """Change `work.input("model")`, then repair it on the world's HHH exchanges."""
    removal: Removal = REMOVALS.build(work.spec["removal"])
    strength: float = work.spec["strength"]
    model, renderer = load(work.input("model") / "model")
    removal.change(model, renderer, work, strength)
    if not removal.steps:
        save_model(work, model, renderer)
        write_metrics(work, {"steps": 0, "strength": strength, "tokens_trained": 0})
        return
    rng = random.Random(f"removal/{work.spec['seed']}")
    exchanges = work.world().hhh(rng, removal.steps * removal.batch)
    lr = removal.repair_lr(work.spec["lr"], strength)
    turns = removal.repair_turns(model, renderer, work, exchanges, strength)
    tokens = train_on(
        work, model, renderer, renderer.examples(turns),
        batch=removal.batch, lr=lr, seed=work.spec["seed"], loss=removal.repair_loss(model, strength),
    )  # fmt: skip
    write_metrics(work, {"steps": removal.steps, "lr": lr, "strength": strength, "tokens_trained": tokens})
