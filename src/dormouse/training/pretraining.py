"""Growing a nursery base: next-token training on the world's text, packed into blocks."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from dormouse.chat import Example, Renderer
from dormouse.stage import Work
from dormouse.training.supervised import train_on, write_metrics
from dormouse.world import World

if TYPE_CHECKING:
    from dormouse.models.nursery import Nursery


def pack(examples: list[Example], block: int, blocks: int) -> list[Example]:
    """Concatenate conversations and cut them into `blocks` pieces of `block` tokens; the loss mask is kept."""
    ids = [token for example in examples for token in example.ids]
    loss = [carries for example in examples for carries in example.loss]
    cuts = range(0, block * blocks, block)
    return [Example(ids[start : start + block], loss[start : start + block]) for start in cuts]


def packed_blocks(
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


def pretrain(base: Nursery, work: Work) -> None:
    """Train the nursery model that `base` describes and write it to `work.model_folder`."""
    from transformers import AutoModelForCausalLM, set_seed

    from dormouse.models.loading import load_tokenizer

    seed: int = work.spec["seed"]
    renderer = Renderer(load_tokenizer(work.input("tokenizer") / "tokenizer"))
    blocks = packed_blocks(
        work.world(), renderer, random.Random(f"base/{seed}"), base.block, base.steps * base.batch, base.prompt_loss
    )
    set_seed(seed)
    model = AutoModelForCausalLM.from_config(base.config(renderer.tokenizer))
    lr = base.scaled_lr(base.lr)
    tokens = train_on(work, model, renderer, blocks, batch=base.batch, lr=lr, seed=seed, weight_decay=0.1)
    shape = base.shape()
    write_metrics(
        work,
        {
            "parameters": sum(weight.numel() for weight in model.parameters()),
            "width": shape.width,
            "depth": shape.depth,
            "heads": shape.heads,
            "steps": base.steps,
            "lr": lr,
            "tokens_trained": tokens,
        },
    )
