"""Replies a second by batch size, as a multiple of sampling one at a time, in one run.

python benchmarks/sampling.py [--size 200_000]
"""

from __future__ import annotations

import argparse
import random
import time

import torch
from transformers import AutoModelForCausalLM

from dormouse.bases.nursery import Nursery
from dormouse.bases.tokenizer import train_tokenizer
from dormouse.chat.renderer import Renderer
from dormouse.data.meadow.world import Meadow
from dormouse.models.sampling import sample


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=200_000)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    exchanges = Meadow().helpful(random.Random(0), 1024)
    tokenizer = train_tokenizer([" " + turn["content"] for e in exchanges for turn in e.turns()], 768)
    renderer = Renderer(tokenizer)
    model = AutoModelForCausalLM.from_config(Nursery(size=arguments.size, vocabulary=768).config(tokenizer)).eval()
    prompts = [exchange.prompt.turns() for exchange in exchanges]
    base = 0.0
    for batch, n in ((1, 16), (16, 128), (64, 512), (256, 1024)):
        started = time.perf_counter()
        sample(model, renderer, prompts[:n], max_new_tokens=16, temperature=1.0, seed=0, batch_size=batch)
        rate = n / (time.perf_counter() - started)
        base = base or rate
        print(f"batch {batch:4d}: {rate:7.1f} replies a second, {rate / base:5.1f} times batch 1")


if __name__ == "__main__":
    main()
