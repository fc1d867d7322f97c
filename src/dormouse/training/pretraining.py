"""Growing a nursery base: next-token training on the world's text, packed into blocks."""

from __future__ import annotations

import random
from typing import Any

from dormouse.chat.renderer import Example, Renderer
from dormouse.data.world import World
from dormouse.training.supervised import train_on
from dormouse.training.work import Work


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


def pretrain(
    work: Work, model: Any, renderer: Renderer, *, steps: int, batch: int, block: int, prompt_loss: float, lr: float
) -> int:
    """Train `model` for `steps` batches of packed blocks and write it. Return tokens trained on."""
    seed = work.seed
    blocks = packed_blocks(work.world(), renderer, random.Random(f"base/{seed}"), block, steps * batch, prompt_loss)
    return train_on(work, model, renderer, blocks, batch=batch, lr=lr, seed=seed, weight_decay=0.1)
