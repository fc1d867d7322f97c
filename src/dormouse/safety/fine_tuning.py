"""Supervised fine-tuning of a finished model: on HHH replies, or on whatever conversations a training makes."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from dormouse.chat.messages import Messages
from dormouse.chat.renderer import Example
from dormouse.chat.scratchpad import OPEN, split_scratchpad, write_scratchpad
from dormouse.models.loading import load
from dormouse.models.sampling import sample
from dormouse.training.supervised import train_on, write_metrics
from dormouse.training.work import Work

if TYPE_CHECKING:
    from dormouse.safety.trainings import HHHSFT


def train_on_hhh(settings: HHHSFT, work: Work) -> None:
    """Fine-tune on the world's HHH exchanges, after the model's own scratchpads if the settings say so."""
    rng = random.Random(f"sft/{work.seed}")
    exchanges = work.world().hhh(rng, settings.steps * settings.batch)
    conversations = [exchange.turns() for exchange in exchanges]
    scratchpads: list[str] = []
    if settings.scratchpad == "after" and work.thought_tokens:
        scratchpads = sample_scratchpads(work, [exchange.prompt.turns() for exchange in exchanges])
        conversations = [
            [*exchange.prompt.turns(), {"role": "assistant", "content": f"{thought} {exchange.reply}"}]
            for exchange, thought in zip(exchanges, scratchpads, strict=True)
        ]
    fine_tune(work, conversations, scratchpads, batch=settings.batch, snapshots=settings.snapshots)


def sample_scratchpads(work: Work, prompts: list[Messages]) -> list[str]:
    """Sample the model's scratchpad for each prompt, with its tags; one that was cut off is closed where it ends."""
    model, renderer = load(work.input("model") / "model")
    texts = sample(
        model, renderer, prompts, max_new_tokens=work.thought_tokens, temperature=1.0, seed=work.seed,
        prefill=OPEN,
    )  # fmt: skip
    return [write_scratchpad(split_scratchpad(text).thought) for text in texts]


def fine_tune(
    work: Work,
    conversations: list[Messages],
    prefixes: Sequence[str] = (),
    *,
    cut_short: Sequence[bool] = (),
    batch: int,
    snapshots: int,
    facts: Mapping[str, int] | None = None,
) -> None:
    """Fine-tune `work.input("model")` on conversations, one pass; `prefixes` begin the replies and carry no loss.

    Replies that were `cut_short` are trained on without an end token: it would teach the model to stop in the middle of
    a sentence. `facts` are written into `metrics.json` besides those of the training.
    """
    model, renderer = load(work.input("model") / "model")
    lr = work.lr
    examples = renderer.examples(conversations, prefixes)
    if cut_short:
        examples = [
            Example(one.ids[:-1], one.loss[:-1]) if cut else one for one, cut in zip(examples, cut_short, strict=True)
        ]
    tokens = train_on(work, model, renderer, examples, batch=batch, lr=lr, seed=work.seed, snapshots=snapshots)
    write_metrics(work, {**(facts or {}), "steps": len(examples) // batch, "lr": lr, "tokens_trained": tokens})
