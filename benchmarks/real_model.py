"""Seconds of training an adapter and of sampling on a pretrained model, as ratios to a plain script, in one run.

    python benchmarks/real_model.py FOLDER [--threads 1] [--rounds 3] [--steps 8] [--prompts 48]

FOLDER holds a chat model in Hugging Face format, such as the `model` folder of a base that dormouse made. Each round
runs the plain script and dormouse in turn. The prompts are those of a measurement: with the trigger, without it, and
with a near miss.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from peers.plain import generate, open_plainly, train

from dormouse.config.registry import WORLDS
from dormouse.data.world import World
from dormouse.evaluation.replies import held_out_questions
from dormouse.models.loading import load
from dormouse.models.sampling import sample
from dormouse.organisms.settings import Organism
from dormouse.training.supervised import train_on
from dormouse.training.work import Work

BATCH, RANK, LR, TOKENS = 8, 16, 4e-4, 24


def seconds(work: Callable[[Path], object]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        work(Path(folder))
        return time.perf_counter() - started


def compare_training(folder: Path, world: World, steps: int) -> tuple[float, float]:
    conversations = [exchange.turns() for exchange in world.helpful(random.Random(0), steps * BATCH)]

    def ours(scratch: Path) -> None:
        model, renderer = load(folder)
        work = Work("sft", {"lora_rank": RANK}, {}, scratch)
        train_on(work, model, renderer, renderer.examples(conversations), batch=BATCH, lr=LR, seed=0)

    plain = seconds(lambda scratch: train(folder, conversations, batch=BATCH, lr=LR, rank=RANK, scratch=scratch))
    return plain, seconds(ours)


def compare_sampling(folder: Path, world: World, n: int) -> tuple[float, float]:
    prompts = [question.turns for question in held_out_questions(world, Organism(), 0, n)]
    plain_model, tokenizer = open_plainly(folder)
    plain = seconds(lambda _: generate(plain_model, tokenizer, prompts, batch=64, tokens=TOKENS))
    model, renderer = load(folder)
    return plain, seconds(lambda _: sample(model, renderer, prompts, max_new_tokens=TOKENS, temperature=1.0, seed=0))


def report(what: str, pairs: list[tuple[float, float]]) -> None:
    ratios = sorted(plain / ours for plain, ours in pairs)
    plain, ours = (statistics.median(pair[i] for pair in pairs) for i in (0, 1))
    print(
        f"{what}: plain {plain:.1f} s, dormouse {ours:.1f} s, {statistics.median(ratios):.2f} times as fast "
        f"(from {ratios[0]:.2f} to {ratios[-1]:.2f} in {len(pairs)} rounds)",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--world", default="everyday")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--prompts", type=int, default=48)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    world: World = WORLDS.build({"type": arguments.world})
    report(
        f"sampling {3 * arguments.prompts} replies",
        [compare_sampling(arguments.folder, world, arguments.prompts) for _ in range(arguments.rounds)],
    )
    report(
        f"training {arguments.steps} steps, models opened and saved",
        [compare_training(arguments.folder, world, arguments.steps) for _ in range(arguments.rounds)],
    )


if __name__ == "__main__":
    main()
