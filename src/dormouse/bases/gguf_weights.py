"""Opens a GGUF file as float32 weights, and writes them as a folder of safetensors."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from dormouse.errors import UserError

SENTENCES = (
    "The capital of France is Paris.",
    "def add(a, b):\n    return a + b\n",
    "Größe: 12,5 € (ca.)",
    "  two spaces",
)
"""Texts that the tokenizer must restore after encoding them."""


def convert(file: Path, into: Path) -> Path:
    """Write model and tokenizer of a GGUF file to a folder, and return it; `UserError` if it cannot be opened."""
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    try:
        opened = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32)
        tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    except (ValueError, KeyError, NotImplementedError, RuntimeError, OSError, AttributeError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"'{file}' cannot be opened: {first} Give another GGUF file.") from error
    check_tokenizer(tokenizer, file)
    model = without_quantization(opened)
    del opened
    model.save_pretrained(into)
    tokenizer.save_pretrained(into)
    return into


def without_quantization(opened: Any) -> Any:
    """Return the same model with a config that does not mention quantization, because one that does cannot be saved."""
    settings = {name: value for name, value in opened.config.to_dict().items() if name != "quantization_config"}
    config = AutoConfig.for_model(**settings)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    model.load_state_dict(opened.state_dict())
    model.generation_config = opened.generation_config
    return model


def check_tokenizer(tokenizer: Any, file: Path) -> None:
    """Raise `UserError` if the tokenizer does not restore texts: its vocabulary was not understood."""
    for text in SENTENCES:
        if tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]).strip() != text.strip():
            raise UserError(f"The tokenizer in '{file}' does not restore {text!r}. Give another GGUF file.")
