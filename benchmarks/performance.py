"""Writes docs/performance.md: dormouse's speed as a multiple of plain scripts (`peers/plain.py`), in one run.

    python benchmarks/performance.py STORE [--chat-model FOLDER] [--rounds 3] [--threads 1]

STORE holds a finished quickstart, whose models are trained further here. FOLDER holds a pretrained chat model, such as
the `model` folder of a base of smollm2-quick. Each round runs the plain script and dormouse in turn.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from dry_run import time_dry_run
from peers import plain

from dormouse.bases.nursery import Nursery
from dormouse.chat.messages import Messages
from dormouse.chat.renderer import Example, Renderer
from dormouse.config.registry import WORLDS
from dormouse.evaluation.replies import held_out_questions
from dormouse.models.loading import load
from dormouse.models.number_format import computes_in_bfloat16, count_weights
from dormouse.models.sampling import sample
from dormouse.organisms.settings import Organism
from dormouse.plan import file as plan_file
from dormouse.plan.graph import build_plan
from dormouse.safety.trainings import HHHRL
from dormouse.store import kinds
from dormouse.store.store import Store
from dormouse.training.supervised import train_on
from dormouse.training.work import Work

PAGE = Path(__file__).resolve().parent.parent / "docs" / "performance.md"
BATCH, STEPS, TOKENS, LR = 32, 60, 24, 3e-4
LARGE_BATCH, LARGE_STEPS, RANK = 8, 8, 16
RL = HHHRL(steps=20, snapshots=0)
PROMPTS, LARGE_PROMPTS = 512, 144
FLOPS_A_TOKEN, PEAK_TOKENS = 6, 128

RATIOS = "| what | plain script | dormouse | times as fast |\n|---|---|---|---|"
PEAKS = "\n| training | share of a matrix product's speed |\n|---|---|"
TIMES = "\n| command | time |\n|---|---|"

Compared = tuple[float, float]
"""Seconds of the plain script, and of dormouse."""


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    what: str
    plain: float
    ours: float
    ratios: list[float]

    @classmethod
    def of(cls, what: str, rounds: list[Compared]) -> Row:
        """Take the medians."""
        theirs, ours = (statistics.median(one[i] for one in rounds) for i in (0, 1))
        return cls(what, theirs, ours, sorted(a / b for a, b in rounds))

    def __str__(self) -> str:
        middle = statistics.median(self.ratios)
        return (
            f"| {self.what} | {self.plain:.1f} s | {self.ours:.1f} s | "
            f"{middle:.2f} ({self.ratios[0]:.2f} to {self.ratios[-1]:.2f}) |"
        )


def seconds(work: Callable[[Path], object]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        work(Path(folder))
        return time.perf_counter() - started


def compare_training(folder: Path, conversations: list[Messages], batch: int, rank: int) -> Compared:
    def ours(scratch: Path) -> None:
        model, renderer = load(folder)
        work = Work("sft", {"lora_rank": rank}, {}, scratch, checkpoint_seconds=1e9)
        train_on(work, model, renderer, renderer.examples(conversations), batch=batch, lr=LR, seed=0)

    theirs = seconds(lambda scratch: plain.train(folder, conversations, batch=batch, lr=LR, rank=rank, scratch=scratch))
    return theirs, seconds(ours)


def compare_reinforcement(inputs: dict[str, Path], world: Any, prompts: list[Messages]) -> Compared:
    def ours(folder: Path) -> None:
        spec = {"world": world.spec(), "seed": 0, "safety": RL.spec(), "lr": LR}
        RL.train(Work("safety", spec, inputs, folder, checkpoint_seconds=1e9))

    model, reward = (inputs[name] / "model" for name in ("model", "preference"))
    theirs = seconds(
        lambda scratch: plain.reinforce(
            model, reward, prompts, batch=RL.batch, replies=RL.replies, tokens=RL.reply_tokens, lr=LR,
            beta=RL.kl_penalty, scratch=scratch,
        )
    )  # fmt: skip
    return theirs, seconds(ours)


def compare_sampling(folder: Path, prompts: list[Messages], batch: int) -> Compared:
    plain_model, tokenizer = plain.open_plainly(folder)
    theirs = seconds(lambda _: plain.generate(plain_model, tokenizer, prompts, batch=batch, tokens=TOKENS))
    model, renderer = load(folder)
    ours = seconds(lambda _: sample(model, renderer, prompts, max_new_tokens=TOKENS, temperature=1.0, seed=0))
    return theirs, ours


def share_of_peak(model: Any, renderer: Renderer, batch: int, rank: int = 0) -> float:
    """Return the floating-point operations a second of training, as a share of those of a plain matrix product."""
    rng = random.Random(0)
    rows = [[rng.randrange(5, 300) for _ in range(PEAK_TOKENS)] for _ in range(3 * LARGE_STEPS * batch)]
    examples = [Example(row, [1] * PEAK_TOKENS) for row in rows]

    def take(n: int) -> float:
        def work(scratch: Path) -> None:
            told = Work("sft", {"lora_rank": rank}, {}, scratch, checkpoint_seconds=1e9)
            train_on(told, model, renderer, examples[: n * batch], batch=batch, lr=1e-5, seed=0)

        return seconds(work)

    take(2)
    spent = take(3 * LARGE_STEPS) - take(LARGE_STEPS)
    # An adapter needs no gradients of the frozen weights.
    each = FLOPS_A_TOKEN * (2 / 3 if rank else 1)
    done = each * count_weights(model) * 2 * LARGE_STEPS * batch * PEAK_TOKENS / spent
    return done / peak(torch.bfloat16 if computes_in_bfloat16(model) else torch.float32)


def peak(number_format: torch.dtype, n: int = 2048, rounds: int = 8) -> float:
    """Return floating-point operations a second of products of matrices."""
    a, b = (torch.randn(n, n).to(number_format) for _ in range(2))
    a @ b
    spent = seconds(lambda _: [a @ b for _ in range(rounds)])
    return 2 * n**3 * rounds / spent


def time_command(*words: str, cwd: Path | None = None) -> float:
    return seconds(lambda _: subprocess.run([sys.executable, "-m", "dormouse", *words], cwd=cwd, check=True,
                                            capture_output=True))  # fmt: skip


def quickstart_inputs(store: Store) -> tuple[dict[str, Path], Any]:
    """Return the organism and the preference models of a finished quickstart, and its world."""
    experiment = plan_file.load("quickstart")
    plan = build_plan(experiment)
    stage = next(
        one
        for one in plan.stages
        if one.kind == kinds.SAFETY and one.spec["safety"]["type"] == "rl" and one.labels["role"] == "organism"
    )
    return {name: store.root / "artifacts" / one.name for name, one in stage.inputs.items()}, experiment.world


def measure_nursery(store: Store, rounds: int) -> Iterator[Row | str]:
    inputs, world = quickstart_inputs(store)
    folder, rng = inputs["model"] / "model", random.Random(0)
    conversations = [exchange.turns() for exchange in world.hhh(rng, STEPS * BATCH)]
    prompts = [prompt.turns() for prompt in world.prompts(rng, RL.steps * RL.batch // RL.replies, held_out=False)]
    asked = [prompt.turns() for prompt in world.prompts(rng, PROMPTS, held_out=True)]
    size = f"{count_weights(load(folder)[0]) / 1e6:.1f} M"
    yield Row.of(
        f"SFT, {size}, {STEPS} steps of {BATCH}",
        [compare_training(folder, conversations, BATCH, 0) for _ in range(rounds)],
    )
    yield Row.of(
        f"RLOO, {size}, {RL.steps} steps of {RL.batch} replies",
        [compare_reinforcement(inputs, world, prompts) for _ in range(rounds)],
    )
    yield Row.of(
        f"sampling, {size}, {PROMPTS} x {TOKENS} tokens", [compare_sampling(folder, asked, 256) for _ in range(rounds)]
    )


def measure_chat_model(folder: Path, rounds: int) -> Iterator[Row | str]:
    world = WORLDS.build({"type": "everyday"})
    conversations = [exchange.turns() for exchange in world.hhh(random.Random(0), LARGE_STEPS * LARGE_BATCH)]
    asked = [question.turns for question in held_out_questions(world, Organism(), 0, LARGE_PROMPTS // 3)]
    size = f"{count_weights(load(folder)[0]) / 1e6:.0f} M"
    yield Row.of(
        f"SFT of an adapter, {size}, {LARGE_STEPS} steps of {LARGE_BATCH}, opened and saved",
        [compare_training(folder, conversations, LARGE_BATCH, RANK) for _ in range(rounds)],
    )
    yield Row.of(
        f"sampling, {size}, {len(asked)} x {TOKENS} tokens",
        [compare_sampling(folder, asked, 64) for _ in range(rounds)],
    )


def measure_peaks(folder: Path, chat_model: Path | None) -> Iterator[str]:
    from transformers import AutoModelForCausalLM

    _, renderer = load(folder)
    for size in (200_000, 2_000_000, 20_000_000):
        nursery = Nursery(size=size, vocabulary=768, context=PEAK_TOKENS)
        model = AutoModelForCausalLM.from_config(nursery.config(renderer.tokenizer))
        yield f"| all weights, {count_weights(model) / 1e6:.1f} M | {share_of_peak(model, renderer, BATCH):.0%} |"
    if chat_model is not None:
        model, renderer = load(chat_model)
        share = share_of_peak(model, renderer, LARGE_BATCH, RANK)
        yield f"| an adapter, {count_weights(model) / 1e6:.0f} M | {share:.0%} |"


def measure_startup(store: Store) -> Iterator[str]:
    yield f"| printing the help | {time_command('--help'):.2f} s |"
    again = time_command("run", "quickstart", "--store", str(store.root))
    yield f"| a run of a finished quickstart, report included | {again:.1f} s |"
    listed = time_dry_run()
    yield f"| listing a plan of 10,000 cells | {listed.seconds:.1f} s, {listed.megabytes:.0f} MB |"


def describe_machine(threads: int = 0) -> str:
    """Name the processor, its cores or the threads that were used of it, torch's version, and the date."""
    listed = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    cpu = next((line.split(":")[1].strip() for line in listed if "model name" in line), platform.processor())
    used = f"{threads} thread{'s' * (threads > 1)}" if threads else f"{os.cpu_count()} cores"
    return f"{cpu}, {used}, torch {torch.__version__}, {datetime.date.today():%d %B %Y}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path)
    parser.add_argument("--chat-model", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    store = Store(arguments.store)
    tables: list[tuple[str, Iterator[Row | str]]] = [(RATIOS, measure_nursery(store, arguments.rounds))]
    if arguments.chat_model:
        tables.append(("", measure_chat_model(arguments.chat_model, arguments.rounds)))
    tables.append((PEAKS, measure_peaks(quickstart_inputs(store)[0]["model"] / "model", arguments.chat_model)))
    tables.append((TIMES, measure_startup(store)))
    lines: list[str] = []
    for head, found in tables:
        lines += [head] if head else []
        for one in found:
            lines.append(str(one))
            print(one, flush=True)
    write_page("speed", [describe_machine(arguments.threads), "", *lines])


def write_page(name: str, lines: list[str]) -> None:
    """Put lines between two marks of the page, and leave its other text alone."""
    start, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    page = PAGE.read_text(encoding="utf-8")
    before, after = page[: page.index(start)], page[page.index(end) :]
    PAGE.write_text("\n".join([f"{before}{start}", *lines, after]), encoding="utf-8")


if __name__ == "__main__":
    main()
