"""Time of taking activations at all layers for 1,000 prompts, as a multiple of a plain forward pass.

python benchmarks/activations.py [--size 600_000] [--rounds 5]
"""

from __future__ import annotations

import argparse
import random
import resource
import time
from collections.abc import Callable

import torch
from transformers import AutoModelForCausalLM

from dormouse.bases.nursery import Nursery
from dormouse.bases.tokenizer import train_tokenizer
from dormouse.chat.renderer import Renderer
from dormouse.data.meadow.world import Meadow
from dormouse.detection.activations import stream_activations
from dormouse.models.padding import left_pad

PROMPTS, BATCH = 1000, 256


def timed(run: Callable[[], None]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=600_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    world, rng = Meadow(), random.Random(0)
    exchanges = world.helpful(rng, 1024)
    tokenizer = train_tokenizer([" " + turn["content"] for e in exchanges for turn in e.turns()], 768)
    renderer = Renderer(tokenizer)
    model = AutoModelForCausalLM.from_config(Nursery(size=arguments.size, vocabulary=768).config(tokenizer)).eval()
    ids = renderer.prompts([prompt.turns() for prompt in world.prompts(rng, PROMPTS, held_out=False)])
    order = sorted(ids, key=len)

    def plain() -> None:
        with torch.inference_mode():
            for start in range(0, PROMPTS, BATCH):
                batch, mask = left_pad(order[start : start + BATCH], renderer.pad_id)
                model(input_ids=batch, attention_mask=mask, use_cache=False)

    def captured() -> None:
        for _ in stream_activations(model, ids, renderer.pad_id, batch_size=BATCH):
            pass

    plain()
    captured()
    pairs = [(timed(plain), timed(captured)) for _ in range(arguments.rounds)]
    ratios = sorted(taken / bare for bare, taken in pairs)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    kept = PROMPTS * model.config.num_hidden_layers * model.config.hidden_size * 4 / 2**20
    print(
        f"all {model.config.num_hidden_layers} layers, {PROMPTS} prompts: {ratios[len(ratios) // 2]:.2f} times a plain"
    )
    print(f"forward pass ({ratios[0]:.2f} to {ratios[-1]:.2f} in {arguments.rounds} rounds)")
    print(f"kept at the end: {kept:.1f} MB; most memory of the process: {before / 1024:.0f} MB")


if __name__ == "__main__":
    main()
