"""Opens a model that someone else made once within limits on time and memory, before it is opened without limits.

A configuration may describe more layers than fit into memory; a tokenizer's pattern or a chat template may never
terminate. The first opening happens in a copy of this process.
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
"""CPU seconds allowed for building a small model without its weights, for opening the tokenizer, for tokenizing a few
texts, and for rendering a few conversations."""
TENSORS_A_SECOND = 1000
"""Tensors of a larger model that each further second allows for: a generous limit."""
TEXTS = ("a quick brown fox jumps over the lazy dog and sleeps " * 10, "a" * 300, "1" * 300, " " * 300)
"""Texts on which a pattern with catastrophic backtracking does not terminate."""
SPARE = 5_000_000
"""Parameters that a configuration may have beyond twice those in the weights files. Missing ones would be allocated
and initialized before they are reported as missing."""
TABLES = 2 << 30
"""Bytes allowed for buffers that are computed from the configuration, such as masks and positions."""
TEMPLATE = "to render a short exchange with its chat template"


def look(folder: Path, template: Template = "auto", words: Path | None = None) -> None:
    """Raise `UserError` if opening a model takes too much time or memory. Its tokenizer is in `words`, if given.

    Call it before CUDA is initialized; after that, no limits can be set.
    """
    try:
        found = run_limited(lambda begin: _look(folder, words or folder, template, begin))
    except TooMuch as error:
        advice = INSTEAD if TEMPLATE in str(error) else "Take another model, or repair this one."
        raise UserError(f"Model '{folder}' is not opened: {error}. {advice}") from error
    _check_size(folder, found)


def load_within_limits(folder: Path) -> tuple[Any, Renderer]:
    """Return model and renderer as `load` does; `UserError` if opening them exceeds a limit."""
    look(folder)
    return load(folder)


def _look(folder: Path, words: Path, template: Template, begin: Begin) -> dict[str, int]:
    """Try the tokenizer, and return the parameters and the bytes of buffers that the configuration implies."""
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
            # Adoption fixes some errors, and raises the others again.
            with contextlib.suppress(UserError), rendering(tokenizer):
                tokenizer.apply_chat_template(exchange, tokenize=False)
                tokenizer.apply_chat_template(exchange[:-1], tokenize=False, add_generation_prompt=True)
    return found


def building_seconds(tensors: int) -> float:
    """Return the CPU seconds allowed for building a model with so many tensors."""
    return BUILDING + tensors / TENSORS_A_SECOND


def build_layout(folder: Path) -> Any:
    """Build the model that a folder's configuration describes on the meta device, where it takes no memory."""
    _check_type(folder)
    with opening(folder), torch.device("meta"):
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING:
            raise UserError(
                f"Model '{folder}' is of type '{config.model_type}', which is not a causal LM in Transformers. "
                "Take a causal LM."
            )
        return AutoModelForCausalLM.from_config(config, trust_remote_code=False)


def _check_type(folder: Path) -> None:
    config = read_object(folder / CONFIG, SAVE)
    if config["model_type"] not in CONFIG_MAPPING and not config.get("auto_map"):
        raise UserError(
            f"Model '{folder}' is of type {shown(config['model_type'])}, which the installed Transformers does not "
            "know. Correct model_type in its config.json, or pip install --upgrade transformers"
        )


def _sizes(folder: Path) -> dict[str, int]:
    model = build_layout(folder)
    return {
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "tables": sum(table.numel() * table.element_size() for table in model.buffers()),
    }


def _check_size(folder: Path, found: dict[str, int]) -> None:
    """Raise `UserError` if the files lack most of the model's weights, or if it does not fit into memory."""
    there = read_all_tensors(folder).values()
    numbers = sum(tensor.numbers for tensor in there if tensor.dtype in FLOATS)
    # If little is missing, loading names it.
    if found["parameters"] > 2 * numbers + SPARE:
        raise UserError(
            f"The config.json of model '{folder}' describes {found['parameters']} parameters, but its weights files "
            f"hold {numbers}. Save model and configuration together with save_pretrained()."
        )
    if found["tables"] > TABLES:
        raise UserError(
            f"Model '{folder}' has {found['tables'] >> 20} MiB of buffers beside its weights, and at most "
            f"{TABLES >> 20} are allowed. Correct the context length in its config.json."
        )
    needed, memory = sum(tensor.numbers * 2 for tensor in there), psutil.virtual_memory().total
    if needed > memory:
        raise UserError(
            f"Model '{folder}' takes at least {needed >> 30} GiB of memory, but this machine has {memory >> 30}. "
            "Take a smaller model, or a larger machine."
        )
