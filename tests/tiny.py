"""Models small enough to make in a test: a real tokenizer and random weights."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path
from typing import Any

from dormouse.bases.tokenizer import train_tokenizer
from dormouse.chat.renderer import Renderer
from dormouse.data.meadow.world import Meadow


@cache
def tiny_tokenizer() -> Any:
    """Return a tokenizer of 400 tokens trained on the meadow; do not change it."""
    exchanges = Meadow().pretraining(random.Random("tiny"), 300)
    return train_tokenizer([" " + turn["content"] for exchange in exchanges for turn in exchange.turns()], 400)


def tiny_renderer() -> Renderer:
    return Renderer(tiny_tokenizer())


def _config(**settings: Any) -> Any:
    from transformers import LlamaConfig

    tokenizer = tiny_tokenizer()
    return LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=256,
        tie_word_embeddings=True,
        # Wide enough that a random model is not indifferent between tokens.
        initializer_range=0.3,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        **settings,
    )


def tiny_model(seed: int = 0) -> Any:
    """Return a causal LM with random weights; the global generator is left as it was."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return AutoModelForCausalLM.from_config(_config()).eval()


def save_tiny_model(folder: Path, seed: int = 0, context: int | None = None) -> Path:
    """Write a causal LM and its tokenizer as an artifact's `model` folder."""
    model = tiny_model(seed)
    model.config.max_position_embeddings = context or model.config.max_position_embeddings
    model.save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


def save_tiny_inputs(root: Path, *names: str) -> dict[str, Path]:
    """Write artifacts of differing weights, and return them as the inputs of a stage."""
    for seed, name in enumerate(names):
        save_tiny_model(root / name / "model", seed)
    return {name: root / name for name in names}


def save_tiny_scorer(folder: Path, seed: int = 0) -> Path:
    """Write a preference model with random weights as an artifact's `model` folder."""
    import torch
    from transformers import AutoModelForSequenceClassification

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        AutoModelForSequenceClassification.from_config(_config(num_labels=1)).save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder
