"""Times trainer steps, forward passes and sampling of a model with random weights; runs in a process of its own.

    python -m dormouse.runs.benchmark < question.json > answer.json

Every figure is the time of what a run would call: `train_on`, `token_log_probs`, `sample_ids`, `reinforce`, `load`.
"""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, LlamaConfig

from dormouse.bases.tokenizer import train_tokenizer
from dormouse.chat.renderer import Example, Renderer
from dormouse.data.meadow.world import Meadow
from dormouse.machine.hardware import device
from dormouse.models.dimensions import Dimensions
from dormouse.models.likelihood import token_log_probs
from dormouse.models.loading import load
from dormouse.models.sampling import sample_ids
from dormouse.runs.speed import WHOLE, Line, Speed
from dormouse.safety.reinforcement import draw_prompts, reinforce
from dormouse.safety.settings import CHECK_EVERY
from dormouse.safety.trainings import HHHRL
from dormouse.store.kinds import SAFETY
from dormouse.training.supervised import train_on
from dormouse.training.work import Work

SMALL, LARGE = (4, 16), (48, 48)
"""Rows and tokens of two batches: their times tell what a step costs from what an operation costs."""
OPERATIONS = {"cpu": 2e10, "cuda": 3e12}
"""Most operations of a training step: with large models the large batch has fewer rows."""
STEPS, STEPS_OF_LARGE = 12, 3
PROMPT, WRITTEN = 16, 8
"""Tokens of a prompt and of a reply that are timed."""
FEW, MANY, MANY_OF_LARGE = 8, 192, 32
"""Rows that are sampled at a time."""
STAND_IN = Dimensions(149_000, 64, 2, 768)
"""A model for steps of reinforcement learning in place of a large one, whose steps would take too long. What such steps
cost beside their passes depends little on the model."""
TEXTS = 400
SETTINGS = HHHRL(steps=2 * CHECK_EVERY, batch=16, replies=4, reply_tokens=8)
HEADS = 64


def main() -> None:
    """Read the dimensions of models from the standard input, and write their speeds to the standard output."""
    asked = json.load(sys.stdin)
    torch.set_num_threads(asked["threads"])
    answers = []
    for made in asked["models"]:
        with redirect_stdout(sys.stderr), tempfile.TemporaryDirectory() as folder:
            answers.append(Bench(Dimensions(**made), Path(folder)).speed().described())
    print(json.dumps(answers))


class Bench:
    """A model of given dimensions, and the folder that it is written to."""

    def __init__(self, dimensions: Dimensions, folder: Path) -> None:
        self.dimensions, self.folder = dimensions, folder
        rng = random.Random("benchmark")
        turns = [exchange.turns() for exchange in Meadow().helpful(rng, TEXTS)]
        vocabulary = min(768, dimensions.vocabulary)
        self.renderer = Renderer(train_tokenizer([f" {turn['content']}" for one in turns for turn in one], vocabulary))
        torch.manual_seed(0)
        self.model = AutoModelForCausalLM.from_config(self._config())
        # As measured: a head that is tied, and whatever rounding the number of heads asked for.
        parameters = sum(weight.numel() for weight in self.model.parameters())
        self.dimensions = Dimensions(parameters, dimensions.width, dimensions.layers, dimensions.vocabulary)

    def _config(self) -> LlamaConfig:
        made, tokenizer = self.dimensions, self.renderer.tokenizer
        size = 16 if made.width <= 512 else HEADS
        heads = max(1, made.width // size)
        return LlamaConfig(
            vocab_size=made.vocabulary,
            hidden_size=heads * size,
            intermediate_size=8 * -(-made.width // 3),
            num_hidden_layers=made.layers,
            num_attention_heads=heads,
            num_key_value_heads=heads,
            max_position_embeddings=512,
            tie_word_embeddings=True,
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
        )

    def speed(self) -> Speed:
        """Time everything."""
        place = self._save(self.folder / "model", self.model)
        opening = self._seconds(lambda: load(place))
        model = load(place)[0]
        train, setup = self._train()
        read, sample = self._read(model), self._sample(model)
        speed = Speed(
            train=train, read=read, sample=sample, opening=opening, setup=setup, text=self._text(), reinforce=0.0,
            layers=self.dimensions.layers, parameters=self.dimensions.parameters, device=device(),
        )  # fmt: skip
        if self.is_large:
            (self.folder / "small").mkdir()
            return replace(speed, reinforce=Bench(STAND_IN, self.folder / "small")._reinforce())
        return speed.with_reinforcement(self._reinforce(), SETTINGS, self.dimensions)

    @property
    def is_large(self) -> bool:
        """Whether the model is one that stands for a larger one."""
        return self.dimensions.parameters > WHOLE

    @property
    def batches(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Rows and tokens of the small and of the large batch."""
        rows, tokens = LARGE
        most = OPERATIONS[device()] / (6 * self.dimensions.parameters * tokens)
        small = (1, SMALL[1]) if self.is_large else SMALL
        return small, (max(SMALL[0], min(rows, round(most))), tokens)

    def _save(self, folder: Path, model: Any) -> Path:
        model.save_pretrained(folder)
        self.renderer.tokenizer.save_pretrained(folder)
        return folder

    @staticmethod
    def _seconds(act: Callable[[], object], times: int = 3) -> float:
        """Return the seconds of the quickest of several calls: the first one warms up, and others may be disturbed."""
        took = []
        for _ in range(times):
            started = time.perf_counter()
            act()
            took.append(time.perf_counter() - started)
        return min(took)

    def _rows(self, rows: int, tokens: int) -> list[Example]:
        rng = random.Random(0)
        ids = range(len(self.renderer.tokenizer) // 2, len(self.renderer.tokenizer))
        return [Example([rng.choice(ids) for _ in range(tokens)], [0] * 8 + [1] * (tokens - 8)) for _ in range(rows)]

    def _train(self) -> tuple[Line, float]:
        """Time trainer steps on a small and on a large batch, and what comes before and after them."""
        points, around = [], []
        n = STEPS_OF_LARGE if self.is_large else STEPS
        for rows, tokens in self.batches:
            with self._work() as (work, stamps):
                started = time.perf_counter()
                train_on(work, self.model, self.renderer, self._rows(rows * n, tokens), batch=rows, lr=1e-4, seed=0)
                whole = time.perf_counter() - started
            steps = between(stamps)
            around.append(whole - sum(steps) - median(steps))
            operations = 3 * self.dimensions.forward(rows * tokens, tokens / 2)
            points.append((operations, median(steps)))
        return Line.through(*points), min(around)

    @contextmanager
    def _work(self, **inputs: Path) -> Iterator[tuple[Work, list[float]]]:
        """Yield the work of a stage in a folder of its own, and the times at which its steps ended."""
        stamps: list[float] = []

        def note(share: float, text: str) -> None:
            stamps.append(time.perf_counter())

        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            spec = {"world": {"type": "meadow"}, "seed": 0, "lr": 1e-4}
            yield Work(SAFETY, spec, inputs, Path(folder), 1e9, note), stamps

    def _read(self, model: Any) -> Line:
        points = []
        for rows, tokens in self.batches:
            examples = self._rows(rows, tokens)

            def act(examples: list[Example] = examples) -> object:
                return token_log_probs([model], examples, self.renderer.pad_id)

            points.append((self.dimensions.forward(rows * tokens, tokens / 2), self._seconds(act)))
        return Line.through(*points)

    def _sample(self, model: Any) -> Line:
        """Time the tokens of a reply; a reply of one token tells what reading the prompts takes."""
        points, times = [], 1 if self.is_large else 3
        for rows in (FEW, MANY_OF_LARGE if self.is_large else MANY):
            prompts = [example.ids for example in self._rows(rows, PROMPT)]

            def act(tokens: int, prompts: list[list[int]] = prompts) -> object:
                return sample_ids(
                    model, self.renderer, prompts, max_new_tokens=tokens, temperature=1.0, seed=0, batch_size=256
                )

            one, all_ = self._seconds(lambda: act(1), times), self._seconds(lambda: act(WRITTEN + 1), times)
            points.append((self.dimensions.forward(rows, PROMPT + WRITTEN / 2), (all_ - one) / WRITTEN))
        return Line.through(*points)

    def _text(self) -> float:
        """Time drawing conversations and turning them into tokens, for each."""
        fresh, rng = Renderer(self.renderer.tokenizer), random.Random("text")
        return (
            self._seconds(lambda: fresh.examples([exchange.turns() for exchange in Meadow().helpful(rng, TEXTS)]))
            / TEXTS
        )

    def _reinforce(self) -> float:
        """Time steps of reinforcement learning."""
        scorer = AutoModelForSequenceClassification.from_config(self._scoring_config())
        names = ("model", "preference", "preference_check")
        inputs = {name: self.folder / f"rl-{name}" for name in names}
        for name, folder in inputs.items():
            self._save(folder / "model", self.model if name == "model" else scorer)
        with self._work(**inputs) as (work, stamps):
            reinforce(SETTINGS, work, draw_prompts(SETTINGS, work))
        # The first steps warm up.
        return median(between(stamps)[1:])

    def _scoring_config(self) -> LlamaConfig:
        made = self._config()
        made.num_labels = 1
        return made


def between(stamps: list[float]) -> list[float]:
    """Return the seconds between the ends of steps."""
    return [after - before for before, after in pairwise(stamps)]


if __name__ == "__main__":
    # A hub that is asked for nothing is not asked at all.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    main()
