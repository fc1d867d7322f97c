"""Opening a model that others made for the first time: within limits, and no further than its weights justify.

A configuration may describe more layers than a machine holds, a tokenizer's pattern and a chat template may never come
to an end. So a copy of the process looks first, once: what follows opens the same files without limits.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import psutil
import torch
from transformers import CONFIG_MAPPING, MODEL_FOR_CAUSAL_LM_MAPPING, AutoConfig, AutoModelForCausalLM

from dormouse.chat.renderer import Renderer
from dormouse.errors import UserError
from dormouse.machine.foreign_files import read_object, shown
from dormouse.machine.limited import Begin, TooMuch, run_limited
from dormouse.models.exchange import EXCHANGES, rendering
from dormouse.models.folder_check import CONFIG, INSTEAD, SAVE
from dormouse.models.loading import load, load_tokenizer, opening
from dormouse.models.settings import Template
from dormouse.models.weight_files import FLOATS, read_all_tensors

BUILDING, OPENING, READING, RENDERING = 2.0, 60.0, 1.0, 0.5
"""Seconds of computing: to lay out a small model without its weights, to open the tokenizer, to read a few texts with
it, and to render a few conversations."""
TENSORS_A_SECOND = 1000
"""Tensors of a larger model that are laid out in a further second, with room to spare."""
TEXTS = ("a quick brown fox jumps over the lazy dog and sleeps " * 10, "a" * 300, "1" * 300, " " * 300)
"""What a pattern that tries every way to split a text is not done with."""
SPARE = 5_000_000
"""Parameters that a configuration may have over twice those of the weights files: missing ones are drawn at random
before they are found to be missing."""
TABLES = 2 << 30
"""Bytes of what a model computes from its configuration and keeps beside its weights: masks, positions."""
TEMPLATE = "to render a short exchange with its chat template"


def look(folder: Path, template: Template = "auto", words: Path | None = None) -> None:
    """Raise `UserError` where a model takes too much to be opened; its tokenizer is in the folder `words` if given.

    Look before a GPU is opened: after it there are no limits.
    """
    try:
        found = run_limited(lambda begin: _look(folder, words or folder, template, begin))
    except TooMuch as error:
        advice = INSTEAD if TEMPLATE in str(error) else "Take another model, or mend this one."
        raise UserError(f"Model '{folder}' is not opened: {error}. {advice}") from error
    _check_size(folder, found)


def load_within_limits(folder: Path) -> tuple[Any, Renderer]:
    """Return the model in a folder and the renderer for its tokenizer, as `load` does; `UserError` over a limit."""
    look(folder)
    return load(folder)


def _look(folder: Path, words: Path, template: Template, begin: Begin) -> dict[str, int]:
    """Return how many parameters a configuration makes, and bytes of other tables; open the tokenizer, and use it."""
    begin("to build it from its config.json", building_seconds(len(read_all_tensors(folder))))
    found = _sizes(folder)
    begin("to open its tokenizer", OPENING)
    tokenizer = load_tokenizer(words)
    begin("to read a few texts with its tokenizer", READING)
    with opening(words, "The tokenizer of model"):
        for text in TEXTS:
            tokenizer(text)
        for exchange in EXCHANGES:
            tokenizer([turn["content"] for turn in exchange])
    if template != "plain" and tokenizer.chat_template is not None:
        begin(TEMPLATE, RENDERING)
        for exchange in EXCHANGES:
            # An error may be one that adopting it mends, or else comes again there.
            with contextlib.suppress(UserError), rendering(tokenizer):
                tokenizer.apply_chat_template(exchange, tokenize=False)
                tokenizer.apply_chat_template(exchange[:-1], tokenize=False, add_generation_prompt=True)
    return found


def building_seconds(tensors: int) -> float:
    """Return the seconds of computing in which a model with so many tensors must have been laid out."""
    return BUILDING + tensors / TENSORS_A_SECOND


def build_layout(folder: Path) -> Any:
    """Return the model that a folder's configuration describes, without numbers: it takes no memory."""
    _check_type(folder)
    with opening(folder), torch.device("meta"):
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING:
            raise UserError(
                f"Model '{folder}' is of type '{config.model_type}', and Transformers continues text with none of that "
                "type. Take a causal LM."
            )
        return AutoModelForCausalLM.from_config(config, trust_remote_code=False)


def _check_type(folder: Path) -> None:
    config = read_object(folder / CONFIG, SAVE)
    if config["model_type"] not in CONFIG_MAPPING and not config.get("auto_map"):
        raise UserError(
            f"Model '{folder}' is of type {shown(config['model_type'])}, which the Transformers that is installed "
            "here does not know. Correct model_type in its config.json, or pip install --upgrade transformers"
        )


def _sizes(folder: Path) -> dict[str, int]:
    model = build_layout(folder)
    return {
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "tables": sum(table.numel() * table.element_size() for table in model.buffers()),
    }


def _check_size(folder: Path, found: dict[str, int]) -> None:
    """Raise `UserError` where the model would not be filled by its files, or does not fit into this machine."""
    there = read_all_tensors(folder).values()
    numbers = sum(tensor.numbers for tensor in there if tensor.dtype in FLOATS)
    # Where little is missing, opening it tells what.
    if found["parameters"] > 2 * numbers + SPARE:
        raise UserError(
            f"The config.json of model '{folder}' describes {found['parameters']} parameters, and its weights files "
            f"hold {numbers}. Save model and configuration together with save_pretrained()."
        )
    if found["tables"] > TABLES:
        raise UserError(
            f"Model '{folder}' would keep {found['tables'] >> 20} MiB beside its weights, and at most {TABLES >> 20} "
            "are allowed. Correct the context length in its config.json."
        )
    needed, memory = sum(tensor.numbers * 2 for tensor in there), psutil.virtual_memory().total
    if needed > memory:
        raise UserError(
            f"Model '{folder}' takes at least {needed >> 30} GiB of memory, and this machine has {memory >> 30}. "
            "Take a smaller model, or a larger machine."
        )
