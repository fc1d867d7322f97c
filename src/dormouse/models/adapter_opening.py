"""Merges an adapter that someone else made into its base, and checks that every tensor is used and has an effect."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, PeftModelForCausalLM, set_peft_model_state_dict

from dormouse.chat.renderer import Renderer
from dormouse.errors import UserError
from dormouse.machine.foreign_files import read_object, shown
from dormouse.machine.limited import Begin, TooMuch, run_limited
from dormouse.models.adapter_check import ADAPTER_WEIGHTS, SAVE
from dormouse.models.exchange import last_logits
from dormouse.models.first_look import TENSORS_A_SECOND, build_layout
from dormouse.models.folder_check import ADAPTER
from dormouse.models.loading import (
    LONGEST_NAME,
    load_model,
    load_tokenizer,
    opening,
    shown_names,
)
from dormouse.models.weight_files import FLOATS, Tensor, read_tensors

WHAT = "The adapter"
ATTACHING = 1.0
"""CPU seconds allowed for putting a small adapter on its base."""
TRAINED = ("lora_", "modules_to_save", "trainable_tokens_")
"""Fragments of the names of an adapter's own weights."""


def merge_adapter(base: Path, folder: Path) -> tuple[Any, Any]:
    """Return the model in the folder `base` with the adapter merged into it, and its tokenizer.

    `UserError` if the adapter does not fit that base, has unused tensors, or changes nothing.
    """
    held = read_tensors(folder / ADAPTER_WEIGHTS)
    try:
        left = run_limited(lambda begin: _look(base, folder, held, begin))
    except TooMuch as error:
        raise UserError(
            f"{WHAT} '{folder}' is not opened: {error}. Take another adapter, or repair this one."
        ) from error
    _check_used(folder, held, left)
    model, tokenizer = load_model(base), load_tokenizer(base)
    renderer = Renderer(tokenizer)
    weights, logits = _digest(model), last_logits(model, renderer)
    with opening(folder, WHAT):
        model = PeftModel.from_pretrained(model, folder).merge_and_unload()
    merged_logits = last_logits(model, renderer)
    if not merged_logits.isfinite().all():
        raise UserError(
            f"{WHAT} '{folder}' makes the base's logits infinite or NaN in {logits.dtype}. Give one whose training did "
            "not diverge."
        )
    # Logits alone are not enough: equal weights at another memory address may round differently.
    if _digest(model) == weights or merged_logits.equal(logits):
        raise UserError(
            f"{WHAT} '{folder}' changes nothing: the base gives the same answers without it. Give one that was saved "
            "after its training."
        )
    return model, tokenizer


def _digest(model: Any) -> str:
    """Return a hash of all weights, in order."""
    digest = hashlib.sha256()
    for weight in model.parameters():
        digest.update(weight.detach().cpu().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def _look(base: Path, folder: Path, held: Mapping[str, Tensor], begin: Begin) -> dict[str, Any]:
    """Put the adapter on the base, both without weights; return missing and unused weights, or why it does not fit."""
    begin("to put it on the base", ATTACHING + len(held) / TENSORS_A_SECOND)
    known = {field.name for field in dataclasses.fields(LoraConfig)}
    said = read_object(folder / ADAPTER, SAVE)
    if unknown := [name for name, value in said.items() if value and name not in known]:
        raise UserError(
            f"'{folder / ADAPTER}' sets {shown_names(sorted(unknown))}, which the installed PEFT does not know. "
            "pip install --upgrade peft"
        )
    with opening(folder, WHAT), torch.device("meta"):
        settings = LoraConfig.from_pretrained(str(folder))
        # Some initializations decompose the base's weights, and here the base has none.
        settings.init_lora_weights = False
        laid = PeftModelForCausalLM(build_layout(base), settings)
        state = {name: torch.empty(tensor.shape) for name, tensor in held.items()}
        try:
            result: Any = set_peft_model_state_dict(laid, state)
        except RuntimeError as error:
            return {"misfit": str(error).splitlines()[-1].strip()}
    missing = [name for name in result.missing_keys if any(part in name for part in TRAINED) and ".default" in name]
    return {"missing": sorted(missing), "unused": sorted(result.unexpected_keys)}


def _check_used(folder: Path, held: Mapping[str, Tensor], left: Mapping[str, Any]) -> None:
    made_for = shown(read_object(folder / ADAPTER, SAVE).get("base_model_name_or_path"), LONGEST_NAME)
    elsewhere = f"It was made for {made_for}. Set base to that model."
    if misfit := left.get("misfit"):
        raise UserError(f"{WHAT} '{folder}' does not fit the plan's base: {misfit.rstrip('.')}. {elsewhere}")
    missing, unused = left["missing"], left["unused"]
    if missing or unused:
        found = [
            *([f"{len(missing)} of its weights are missing ({shown_names(missing)})"] if missing else []),
            *([f"{len(unused)} have no place in the base ({shown_names(unused)})"] if unused else []),
        ]
        raise UserError(f"{WHAT} '{folder}' does not fit the plan's base: {' and '.join(found)}. {elsewhere}")
    for name, tensor in held.items():
        if tensor.dtype not in FLOATS:
            raise UserError(
                f"Weight '{name}' of the adapter '{folder}' has dtype {tensor.dtype}. Save it in float32, bfloat16 or "
                "float16."
            )
