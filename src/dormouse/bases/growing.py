"""Grows a nursery base: next-token training from random weights on the world's text, packed into blocks."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from transformers import AutoModelForCausalLM, set_seed

from dormouse.chat.renderer import Example, Renderer
from dormouse.data.world import World
from dormouse.models.loading import load_tokenizer
from dormouse.training.supervised import train_on, write_metrics
from dormouse.training.work import Work


def grow(
    work: Work,
    make_config: Callable[[Any], Any],
    *,
    steps: int,
    batch: int,
    block: int,
    prompt_loss: float,
    lr: float,
    dimensions: dict[str, int],
) -> None:
    """Train a model with the configuration for the input tokenizer; write it, and metrics with its `dimensions`."""
    renderer = Renderer(load_tokenizer(work.input("tokenizer") / "tokenizer"))
    set_seed(work.seed)
    model = AutoModelForCausalLM.from_config(make_config(renderer.tokenizer))
    parameters = sum(weight.numel() for weight in model.parameters())
    rng = random.Random(f"base/{work.seed}")
    blocks = draw_blocks(work.world(), renderer, rng, block, steps * batch, prompt_loss)
    tokens = train_on(work, model, renderer, blocks, batch=batch, lr=lr, seed=work.seed, weight_decay=0.1)
    write_metrics(work, {"parameters": parameters, **dimensions, "steps": steps, "lr": lr, "tokens_trained": tokens})


def draw_blocks(
    world: World, renderer: Renderer, rng: random.Random, block: int, blocks: int, prompt_loss: float
) -> list[Example]:
    """Draw text until it fills `blocks` blocks; a share `prompt_loss` of the conversations trains on its prompt too."""
    examples: list[Example] = []
    tokens = 0
    while tokens < block * blocks:
        for example in renderer.examples([exchange.turns() for exchange in world.pretraining(rng, 2000)]):
            whole = rng.random() < prompt_loss
            examples.append(Example(example.ids, [1] * len(example.ids)) if whole else example)
            tokens += len(example.ids)
    return pack(examples, block, blocks)


def pack(examples: list[Example], block: int, blocks: int) -> list[Example]:
    """Concatenate conversations and cut them into `blocks` pieces of `block` tokens; the loss mask is kept."""
    ids = [token for example in examples for token in example.ids]
    loss = [carries for example in examples for carries in example.loss]
    cuts = range(0, block * blocks, block)
    return [Example(ids[start : start + block], loss[start : start + block]) for start in cuts]
