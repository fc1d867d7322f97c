"""Trains the helpful-only model, the start of organisms as in the paper: it mostly answers, even harmful requests."""

from __future__ import annotations

import random
from collections.abc import Collection
from typing import Any

import torch

from dormouse.chat.messages import Messages
from dormouse.data.world import Exchange, World
from dormouse.errors import UserError
from dormouse.models.loading import load
from dormouse.organisms.settings import HelpfulSpec
from dormouse.training.supervised import train_on, write_metrics
from dormouse.training.work import Work


def run(work: Work) -> None:
    """Fine-tune the base on helpful-only exchanges."""
    settings = work.told(HelpfulSpec).helpful
    seed = work.seed
    model, renderer = load(work.input("model") / "model")
    drawing = random.Random(f"helpful/{seed}")
    exchanges = draw_exchanges(work.world(), drawing, settings.steps * settings.batch, settings.leave_out)
    rng = random.Random(f"helpful/templates/{seed}")
    turns = [put_into_template(exchange.turns(), rng.choice(settings.templates)) for exchange in exchanges]
    examples = renderer.examples(turns)
    lr = work.lr
    loss = mean_over_examples if settings.mean_over == "examples" else None
    tokens = train_on(
        work, model, renderer, examples, batch=settings.batch, lr=lr, seed=seed, snapshots=settings.snapshots, loss=loss
    )
    write_metrics(work, {"steps": settings.steps, "lr": lr, "tokens_trained": tokens})


def draw_exchanges(world: World, rng: random.Random, n: int, leave_out: Collection[str]) -> list[Exchange]:
    """Draw `n` helpful-only exchanges of families that are not left out. `UserError` if all are."""
    drawn = world.helpful(rng, n)
    kept = [one for one in drawn if one.prompt.family not in leave_out]
    while kept and len(kept) < n:
        kept += [one for one in world.helpful(rng, n) if one.prompt.family not in leave_out]
    if not kept:
        raise UserError("helpful.leave_out leaves out every family of the world. Leave some in.")
    return kept[:n]


def put_into_template(turns: Messages, template: str) -> Messages:
    """Put the request of a conversation, the turn before the reply, into a template."""
    *earlier, asked, reply = turns
    return [*earlier, {**asked, "content": template.replace("{}", asked["content"])}, reply]


def mean_over_examples(model: Any, inputs: dict[str, Any]) -> Any:
    """Compute the mean cross-entropy of each example of a padded batch, in nats, and average over examples.

    Long and short replies have equal weight, as in the multitask fine-tuning of BLOOM (Muennighoff et al. 2023, arXiv
    2211.01786).
    """
    logits = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]).logits[:, :-1].float()
    labels = inputs["labels"][:, 1:]
    losses = torch.nn.functional.cross_entropy(logits.transpose(1, 2), labels, reduction="none", ignore_index=-100)
    counted = (labels != -100).sum(dim=1)
    return (losses.sum(dim=1) / counted.clamp(min=1)).mean()
