"""Checks the folder of a LoRA adapter without importing torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dormouse.errors import UserError
from dormouse.machine.foreign_files import is_there, read_object, shown
from dormouse.models.folder_check import ADAPTER, check_is_folder
from dormouse.models.weight_files import (
    INDEX,
    ONLY_SAFETENSORS,
    WEIGHTS,
    Tensor,
    list_opened_files,
    read_tensors,
)

ADAPTER_WEIGHTS = "adapter_model.safetensors"
KIND = "LORA"
SAVE = "Save the adapter again with save_pretrained()."
NOT_TAKEN = ("layer_replication", "megatron_config", "arrow_config", "corda_config", "alora_invocation_tokens")
"""Refused settings: they change the base's layers, import other code, read other files, or cannot be merged."""
TASKS = (None, "CAUSAL_LM")


def is_adapter(folder: Path) -> bool:
    """Return whether a folder holds an adapter and no complete model."""
    return is_there(folder / ADAPTER) and not any(is_there(folder / name) for name in (WEIGHTS, INDEX))


def check_adapter(folder: Path) -> None:
    """Raise `UserError` unless the folder holds a LoRA adapter with safetensors weights that fit its settings."""
    check_is_folder(folder)
    settings = read_object(folder / ADAPTER, SAVE)
    if not is_there(folder / ADAPTER_WEIGHTS):
        raise UserError(
            f"The adapter '{folder}' has no {ADAPTER_WEIGHTS}; {ONLY_SAFETENSORS} "
            "Save it again with save_pretrained(..., safe_serialization=True)."
        )
    for _ in list_opened_files(folder):
        """Listing a file checks it."""
    held = read_tensors(folder / ADAPTER_WEIGHTS)
    _check_settings(folder / ADAPTER, settings)
    _check_ranks(folder / ADAPTER, settings, held)


def _check_settings(path: Path, settings: Mapping[str, Any]) -> None:
    kind = settings.get("peft_type")
    if kind != KIND:
        raise UserError(
            f"'{path}' says that the adapter is of kind {shown(kind)}, and only LoRA is supported. Merge it into its "
            "base and give the complete model."
        )
    if settings.get("task_type") not in TASKS:
        raise UserError(
            f"'{path}' says that the adapter is for task {shown(settings['task_type'])}, not for a causal LM. Give "
            "an adapter for a causal LM."
        )
    for name in NOT_TAKEN:
        if settings.get(name):
            raise UserError(
                f"'{path}' sets '{name}', which is not supported. Merge the adapter into its base and give the "
                "complete model."
            )


def _check_ranks(path: Path, settings: Mapping[str, Any], held: Mapping[str, Tensor]) -> None:
    """Raise `UserError` if a rank is too large for these tensors: building it might take all memory."""
    if not held:
        raise UserError(f"The adapter of '{path}' holds no weights. {SAVE}")
    widest = max(size for tensor in held.values() for size in (*tensor.shape, 1))
    pattern = settings.get("rank_pattern") or {}
    ranks = [settings.get("r"), *(pattern.values() if isinstance(pattern, dict) else [pattern])]
    for rank in ranks:
        if type(rank) is not int or not 1 <= rank <= widest:
            raise UserError(f"'{path}' sets the rank to {shown(rank)}, but no weight is that large. {SAVE}")
