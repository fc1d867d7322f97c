"""Trains the helpful-only model, the start of organisms as in the paper: it mostly answers, even harmful requests."""

from __future__ import annotations

import random
from typing import Any

import torch

from dormouse.chat.messages import Messages
from dormouse.models.loading import load
from dormouse.organisms.settings import HelpfulSpec
from dormouse.training.supervised import train_on, write_metrics
from dormouse.training.work import Work


def run(work: Work) -> None:
    """Fine-tune the base on helpful-only exchanges."""
    settings = work.told(HelpfulSpec).helpful
    seed = work.seed
    model, renderer = load(work.input("model") / "model")
    exchanges = work.world().helpful(random.Random(f"helpful/{seed}"), settings.steps * settings.batch)
    rng = random.Random(f"helpful/templates/{seed}")
    turns = [put_into_template(exchange.turns(), rng.choice(settings.templates)) for exchange in exchanges]
    examples = renderer.examples(turns)
    lr = work.lr
    loss = mean_over_examples if settings.mean_over == "examples" else None
    tokens = train_on(work, model, renderer, examples, batch=settings.batch, lr=lr, seed=seed, loss=loss)
    write_metrics(work, {"steps": settings.steps, "lr": lr, "tokens_trained": tokens})


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
