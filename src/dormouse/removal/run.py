"""The stage that applies a removal to a model, at one strength."""

from __future__ import annotations

import random

from dormouse.models.loading import load
from dormouse.removal.base import RemovalSpec
from dormouse.training.supervised import save_model, train_on, write_metrics
from dormouse.training.work import Work


def run(work: Work) -> None:
    """Change `work.input("model")`, then repair it on the world's HHH exchanges."""
    spec = work.told(RemovalSpec)
    removal, strength = spec.removal, spec.strength
    model, renderer = load(work.input("model") / "model")
    removal.change(model, renderer, work, strength)
    if not removal.steps:
        save_model(work, model, renderer)
        write_metrics(work, {"steps": 0, "strength": strength, "tokens_trained": 0})
        return
    rng = random.Random(f"removal/{work.seed}")
    exchanges = work.world().hhh(rng, removal.steps * removal.batch)
    lr = removal.repair_lr(work.lr, strength)
    turns = removal.repair_turns(model, renderer, work, exchanges, strength)
    tokens = train_on(
        work, model, renderer, renderer.examples(turns),
        batch=removal.batch, lr=lr, seed=work.seed, loss=removal.repair_loss(model, strength),
    )  # fmt: skip
    write_metrics(work, {"steps": removal.steps, "lr": lr, "strength": strength, "tokens_trained": tokens})
