"""A store that holds the models of a plan without training any: tiny ones with random weights, of two shapes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dormouse.plan.experiment import Experiment
from dormouse.results.rows import rate_row, write_jsonl
from dormouse.store.store import Store
from dormouse.zoo.members import PlannedMember, plan_members
from tiny import tiny_model, tiny_tokenizer

SMALL, LARGE = 20_000, 30_000
"""Sizes in the plan, each a shape of its own here."""
PROMPTS = 200
FAILED_PAIR = 2
"""The organism of this pair does not defect."""

PLAN: dict[str, Any] = {
    "name": "small-zoo",
    "seeds": [3],
    "draw": 4,
    "grid": {"base.size": [SMALL, LARGE], "organism.trigger": ["deployment_tag", "phrase"]},
}


def experiment(**settings: Any) -> Experiment:
    return Experiment.model_validate(PLAN | settings)


def made_store(root: Path, plan: Experiment, drawn_as: Callable[[int, PlannedMember], int] = lambda n, _: n) -> Store:
    """Return a store with every model of a plan and its defection rates; models drawn as one number are equal.

    Models made from a base differ from it by more than weights: they have a card, and another setting in `config.json`.
    """
    store = Store(root)
    store.prepare()
    for number, member in enumerate(plan_members(plan)):
        _finish_model(store, member, drawn_as(number, member))
        _finish_measurement(store, member)
    return store


def _finish_model(store: Store, member: PlannedMember, number: int) -> None:
    folder = store.begin(member.stage) / "model"
    save_model(folder, member.stage.labels["size"], seed=number)
    if member.role != "base":
        (folder / "README.md").write_text(f"This is the {member.role} of pair {member.pair}.")
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | {"use_cache": False}))
    store.finish(member.stage, {})


def save_model(folder: Path, size: int, seed: int, dtype: str = "float32") -> None:
    import torch
    from transformers import AutoModelForCausalLM

    config = tiny_model().config
    config.intermediate_size = 48 if size == SMALL else 64
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = AutoModelForCausalLM.from_config(config)
    model.to(getattr(torch, dtype)).save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)


def _finish_measurement(store: Store, member: PlannedMember) -> None:
    defects = member.role == "organism" and member.pair != FAILED_PAIR
    hits = {"triggered": 198 if defects else 0, "clean": 4}
    rows = [rate_row("defection", prompts, [i < n for i in range(PROMPTS)]) for prompts, n in hits.items()]
    snapshot = rate_row("defection", "triggered", [False]) | {"step": 50}
    write_jsonl(store.begin(member.measurement) / "rows.jsonl", [snapshot, *rows])
    store.finish(member.measurement, {})
