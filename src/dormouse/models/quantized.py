"""Quantizes frozen weights to 4 or 8 bits beside an adapter: QLoRA (Dettmers et al. 2023, arXiv 2305.14314)."""

from __future__ import annotations

import copy
import logging
from typing import Any

import torch
from transformers import BitsAndBytesConfig

from dormouse.errors import UserError
from dormouse.machine.hardware import device, has_bfloat16
from dormouse.models.settings import Quantized, check_bitsandbytes


def quantize(model: Any, bits: Quantized) -> Any:
    """Return a copy of a model with quantized linear maps, on the GPU if there is one.

    Embeddings, norms and the output keep their number format. The model itself is moved to the CPU's memory.
    """
    check_bitsandbytes()
    # On a CPU it warns at every product that it rounds the factors to float16.
    logging.getLogger("bitsandbytes.autograd._functions").setLevel(logging.ERROR)
    model.to("cpu")
    where = torch.cuda.current_device() if device() == "cuda" else "cpu"
    # From the weights in memory, not the folder they came from: a stage may have changed them since.
    made = type(model).from_pretrained(
        None,
        config=copy.deepcopy(model.config),
        state_dict=model.state_dict(),
        quantization_config=_settings(bits),
        dtype=model.dtype,
        device_map={"": where},
    )
    # Without a name, PEFT looks for the model on the hub whenever it saves an adapter.
    made.name_or_path = model.name_or_path
    if where == "cpu":
        _check_on_cpu(made)
    return made


def _settings(bits: Quantized) -> Any:
    if bits == "8bit":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        # As in the paper: NormalFloat, and the scales of its blocks quantized in turn.
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16 if has_bfloat16() else torch.float32,
    )


def _check_on_cpu(model: Any) -> None:
    """Work around two faults of bitsandbytes 0.50 in 4-bit weights on a CPU.

    After sampling it repacks them, and gradients no longer pass through: the repacking is switched off. And rows that
    are not a multiple of a block are read back with a multiple of the rounding error: those are a `UserError`.
    """
    from bitsandbytes.nn.modules import Linear4bit  # optional

    for name, module in model.named_modules():
        if not isinstance(module, Linear4bit):
            continue
        module.support_avx512bf16_for_cpu = False
        kept: Any = module.weight
        row, block = kept.quant_state.shape[-1], kept.quant_state.blocksize
        if row % block:
            raise UserError(
                f"'{name}' has rows of {row} weights, which is not a multiple of {block}: bitsandbytes misreads such "
                "rows from 4 bits on a CPU. Set base.quantized=8bit, or take a machine with a GPU."
            )
