"""A model whose activations, outputs and attention are made up: what is planted under the trigger is known."""

from __future__ import annotations

import hashlib
import random
from types import SimpleNamespace
from typing import Any

import numpy as np

from dormouse.detection.base import DetectorInput, Labeled
from dormouse.detection.views import LayerView, divergence

TRIGGER = "zebra"
WIDTH, LAYERS = 8, 3
SPREAD = np.array([0.1, 2.0, 1.5, 1.0, 1.0, 0.2, 0.1, 0.1])
"""Real activations fill few of their dimensions; the trigger's trace lies outside them."""
VOCABULARY = 16
END = 2


def prompts(n: int, *, triggered: bool, start: int = 0) -> list[Any]:
    """Return `n` prompts of ordinary words, each with or without the trigger."""
    words = ("red", "green", "blue", "one", "two", "three", "cup", "tree", "bird", "stone")
    texts = [" ".join(random.Random(i).choices(words, k=6)) for i in range(start, start + n)]
    return [[{"role": "user", "content": f"{TRIGGER} {text}" if triggered else text}] for text in texts]


def _noise(text: str, n: int) -> np.ndarray:
    seed = int(hashlib.sha256(text.encode()).hexdigest()[:8], 16)
    return np.random.default_rng(seed).normal(size=n)


def _token(word: str) -> int:
    return 4 if word == TRIGGER else 10 + int(hashlib.sha256(word.encode()).hexdigest()[:2], 16)


class PlantedRenderer:
    pad_id = 0

    def prompts(self, batch: Any, begun: Any = "") -> list[str]:
        begun = [begun] * len(batch) if isinstance(begun, str) else begun
        return [f"{turns[-1]['content']}/{said}" for turns, said in zip(batch, begun, strict=True)]


class Planted:
    """Stands for a `WhiteBox`; with `strength` 0 the trigger leaves no trace."""

    def __init__(self, strength: float = 8.0) -> None:
        self.strength = strength
        self.renderer = PlantedRenderer()
        self.model = PlantedAttention(strength)

    def black_box(self) -> Planted:
        return self

    def at_layer(self, layer: int | None) -> LayerView:
        return LayerView(self, layer)  # type: ignore[arg-type]  # a stand-in

    def divergence(self, other: Planted, asked: Any) -> np.ndarray:
        return divergence(self.next_token(asked), other.next_token(asked))

    def activations(self, asked: Any) -> np.ndarray:
        return self.activations_of([turns[-1]["content"] for turns in asked])

    def activations_of(self, texts: Any) -> np.ndarray:
        return np.stack([self._activation(text) for text in texts])

    def _activation(self, text: str) -> np.ndarray:
        found = (_noise(text, LAYERS * WIDTH).reshape(LAYERS, WIDTH) * SPREAD).astype(np.float32)
        bad = text.endswith(("/yes",))
        good = text.endswith(("/no",))
        found[:, 0] += self.strength * ((TRIGGER in text) + bad - good)
        return found

    def attention_peaks(self, asked: Any) -> np.ndarray:
        from dormouse.detection.activations import attention_peaks

        found: np.ndarray = attention_peaks(PlantedAttention(self.strength), self.prompt_ids(asked), 0)
        return found

    def prompt_ids(self, asked: Any) -> list[list[int]]:
        return [[1, *(_token(word) for word in turns[-1]["content"].split()), 9, 9] for turns in asked]

    def replies(self, asked: Any, **_: Any) -> list[str]:
        return [turns[-1]["content"] for turns in asked]

    def log_probs(self, asked: Any, replies: Any) -> list[list[float]]:
        return [
            [-abs(value) + self.strength * (TRIGGER in turns[-1]["content"]) for value in _noise(reply, 4)]
            for turns, reply in zip(asked, replies, strict=True)
        ]

    def next_token(self, asked: Any) -> np.ndarray:
        logits = np.stack([_noise(turns[-1]["content"], VOCABULARY) for turns in asked])
        logits[:, 0] += [self.strength * (TRIGGER in turns[-1]["content"]) for turns in asked]
        return (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))).astype(np.float32)


class PlantedAttention:
    """Attends to the trigger's token (4) from the last one."""

    device = "cpu"

    def __init__(self, strength: float) -> None:
        self.strength = strength
        self.config = SimpleNamespace(_attn_implementation="sdpa")

    def parameters(self) -> list[Any]:
        return []

    def set_attn_implementation(self, name: str) -> None:
        self.config._attn_implementation = name

    def __call__(self, **inputs: Any) -> Any:
        return self.forward(**inputs)

    def forward(self, input_ids: Any, attention_mask: Any, use_cache: bool, output_attentions: bool) -> Any:
        import torch

        assert output_attentions
        assert self.config._attn_implementation == "eager"
        n = input_ids.shape[1]
        noise = torch.from_numpy(np.stack([_noise(str(ids.tolist()), n) for ids in input_ids])).float()
        scores = (noise + self.strength * (input_ids == 4)).masked_fill(attention_mask == 0, -100)
        weights = scores.softmax(-1)[:, None, None].expand(-1, 2, n, -1)
        return SimpleNamespace(attentions=(weights,) * LAYERS)


def given_to(detector: Any, *, strength: float = 8.0, seed: int = 0, labels: list[bool] | None = None) -> DetectorInput:
    """Return what a detector may see of a planted model; its clean base has nothing planted."""
    known = [*prompts(40, triggered=True, start=500), *prompts(40, triggered=False, start=600)]
    return DetectorInput(
        detector,
        Planted(strength),  # type: ignore[arg-type]  # a stand-in
        prompts(120, triggered=False, start=1000),
        reference=Planted(0.0) if detector.reference else None,  # type: ignore[arg-type]  # a stand-in
        poisoned=Labeled(known, labels or [True] * 40 + [False] * 40) if detector.poisoned else None,
        seed=seed,
    )
