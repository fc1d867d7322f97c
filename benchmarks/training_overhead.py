"""How much longer a training step takes through the trainers than in a loop written by hand, in one run.

    python benchmarks/training_overhead.py [--size 200_000] [--rounds 5]

Prints seconds a step of each and their ratio, the median over rounds that alternate between them.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from dormouse.bases.nursery import Nursery
from dormouse.bases.tokenizer import train_tokenizer
from dormouse.chat.renderer import Example, Renderer
from dormouse.data.meadow.world import Meadow
from dormouse.training.supervised import Collator, sort_by_length, train_on
from dormouse.training.work import Work

BATCH, STEPS = 32, 60


def through_the_trainer(model: Any, renderer: Renderer, examples: list[Example]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        train_on(Work("sft", {}, {}, Path(folder)), model, renderer, examples, batch=BATCH, lr=1e-3, seed=0)
        return (time.perf_counter() - started) / STEPS


def by_hand(model: Any, renderer: Renderer, examples: list[Example]) -> float:
    started = time.perf_counter()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3, fused=True)
    collate = Collator(renderer.pad_id)
    ordered = sort_by_length(examples, BATCH, random.Random(0))
    for start in range(0, len(ordered), BATCH):
        rows = ordered[start : start + BATCH]
        loss = model(**collate([{"input_ids": row.ids, "loss": row.loss} for row in rows])).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return (time.perf_counter() - started) / STEPS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    exchanges = Meadow().helpful(random.Random(0), BATCH * STEPS)
    tokenizer = train_tokenizer([" " + turn["content"] for e in exchanges for turn in e.turns()], 768)
    renderer = Renderer(tokenizer)
    examples = renderer.examples([exchange.turns() for exchange in exchanges])
    config = Nursery(size=arguments.size, vocabulary=768).config(tokenizer)
    pairs = []
    for _ in range(arguments.rounds + 1):
        pairs.append(
            tuple(run(AutoModelForCausalLM.from_config(config), renderer, examples)
                  for run in (through_the_trainer, by_hand))
        )  # fmt: skip
    # The first round warms up.
    ratios = [ours / theirs for ours, theirs in pairs[1:]]
    print(f"trainer {1e3 * statistics.median(p[0] for p in pairs[1:]):.1f} ms a step (set-up included)")
    print(f"by hand {1e3 * statistics.median(p[1] for p in pairs[1:]):.1f} ms a step")
    print(f"ratio   {statistics.median(ratios):.2f} (from {min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
