"""The stage that applies a removal to a model, at one strength."""

from __future__ import annotations

import random
from typing import Any

from dormouse.models.loading import load
from dormouse.removal.base import FOUND, RemovalSpec
from dormouse.results.rows import rate_row, write_jsonl
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
    found = removal.find_trigger(model, renderer, work)
    turns = removal.repair_turns(work, exchanges, strength, found)
    tokens = train_on(
        work, model, renderer, renderer.examples(turns),
        batch=removal.batch, lr=lr, seed=work.seed, loss=removal.repair_loss(model, strength),
    )  # fmt: skip
    facts: dict[str, Any] = {"steps": removal.steps, "lr": lr, "strength": strength, "tokens_trained": tokens}
    if found is not None:
        facts["found"] = found
        write_jsonl(work.folder / "rows.jsonl", [rate_row(FOUND, "model", [any(found.values())])])
    write_metrics(work, facts)
