"""Throughput of implanting on a GPU: the nursery at 25 M to 350 M parameters, in bfloat16.

For each size, tokens a second of supervised training through the trainer, and the share of the GPU's own measured
matrix-product peak that they come to (model FLOPs only: 6 for each parameter and token).

python benchmarks/gpu.py [--sizes 25_000_000 100_000_000 350_000_000] [--steps 30]
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM

from dormouse.bases.nursery import Nursery
from dormouse.bases.tokenizer import train_tokenizer
from dormouse.chat.renderer import Example, Renderer
from dormouse.data.meadow.world import Meadow
from dormouse.machine.hardware import device
from dormouse.training.supervised import train_on
from dormouse.training.work import Work

TOKENS, BATCH = 512, 32
FLOPS_A_TOKEN = 6
WARM_UP = 5


def peak(n: int = 8192, rounds: int = 30) -> float:
    """Return FLOPs a second of products of bfloat16 matrices."""
    a, b = (torch.randn(n, n, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    for _ in range(WARM_UP):
        a @ b
    torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(rounds):
        a @ b
    torch.cuda.synchronize()
    return 2 * n**3 * rounds / (time.perf_counter() - started)


def seconds(model: torch.nn.Module, renderer: Renderer, steps: int) -> float:
    """Return how long a training of so many steps takes."""
    rng = random.Random(0)
    examples = [Example([rng.randrange(100, 500) for _ in range(TOKENS)], [1] * TOKENS) for _ in range(steps * BATCH)]
    with tempfile.TemporaryDirectory() as folder:
        work = Work("organism", {}, {}, Path(folder), checkpoint_seconds=1e9)
        torch.cuda.synchronize()
        started = time.perf_counter()
        train_on(work, model, renderer, examples, batch=BATCH, lr=1e-4, seed=0)
        torch.cuda.synchronize()
        return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[25_000_000, 100_000_000, 350_000_000])
    parser.add_argument("--steps", type=int, default=30)
    arguments = parser.parse_args()
    if device() == "cpu":
        sys.exit("There is no GPU here, or this torch was built without one.")
    world, rng = Meadow(), random.Random(0)
    texts = [" " + turn["content"] for exchange in world.helpful(rng, 2000) for turn in exchange.turns()]
    renderer = Renderer(train_tokenizer(texts, 768))
    best = peak()
    print(f"{torch.cuda.get_device_name()}: {best / 1e12:.0f} TFLOP/s in products of bfloat16 matrices")
    for size in arguments.sizes:
        nursery = Nursery(size=size, vocabulary=768, context=TOKENS)
        shape = nursery.shape()
        model = AutoModelForCausalLM.from_config(nursery.config(renderer.tokenizer)).cuda()
        seconds(model, renderer, WARM_UP)
        short, long = (seconds(model, renderer, steps) for steps in (arguments.steps, 2 * arguments.steps))
        speed = arguments.steps * BATCH * TOKENS / (long - short)
        used = FLOPS_A_TOKEN * shape.parameters * speed / best
        print(f"{shape.parameters / 1e6:.0f} M: {speed:,.0f} tokens/s, {used:.0%} of that; "
              f"{torch.cuda.max_memory_allocated() / 2**30:.1f} GiB")  # fmt: skip
        del model
        torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
