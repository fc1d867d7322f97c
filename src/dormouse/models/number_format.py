"""Computes large models in bfloat16 on processors that are faster in it.

A GPU has rules of its own (`machine.hardware.has_bfloat16`); small models stay in float32, where a step is bound by
other things than multiplication.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from dormouse.machine.hardware import device, is_fast_in_bfloat16


def count_weights(model: Any) -> int:
    """Count the parameters of a model; tied ones count once."""
    return sum(weight.numel() for weight in model.parameters())


def computes_in_bfloat16(model: Any) -> bool:
    """Return whether this processor should compute this model in bfloat16."""
    # Its size first: asking for the device reads the metadata of a package.
    return is_fast_in_bfloat16(count_weights(model)) and device() == "cpu"


@contextmanager
def fast_numbers(model: Any) -> Iterator[None]:
    """Compute a model in the faster number format; its weights stay as they are."""
    if not computes_in_bfloat16(model):
        yield
        return
    # Torch multiplies a slice of a batch with a copy of the weight for each row, unless the slice is made whole.
    whole = model.get_output_embeddings().register_forward_pre_hook(lambda module, given: (given[0].contiguous(),))
    with torch.autocast("cpu", torch.bfloat16), whole:
        yield


def fast_copy(model: Any) -> Any:
    """Return a copy of the model with weights in the faster number format, or the model itself if that is float32.

    Sampling reads all weights for every token, so converting them once is worth a copy. Buffers keep their format:
    rotary frequencies in bfloat16 would misplace distant tokens.
    """
    if not computes_in_bfloat16(model):
        return model
    assert not torch.is_inference_mode_enabled()
    # Outside inference mode, so that they count as trainable although nothing is trained: otherwise torch multiplies a
    # slice of a batch with a copy of the weight for each row (18 of 28 seconds with a vocabulary of 49,152).
    known: dict[int, Any] = {
        id(weight): torch.nn.Parameter(weight.detach().to(torch.bfloat16)) for weight in model.parameters()
    }
    return copy.deepcopy(model, known).eval()


def logits_at(model: Any, chosen: Any, inputs: Mapping[str, Any]) -> Any:
    """Return the logits after chosen tokens of a batch, (chosen, vocabulary); `chosen` is (batch, longest - 1).

    `inputs` are the arguments of a forward pass that returns all logits. A large model's output layer reads no other
    token: with a vocabulary of 49,152 it is a fifth of the work.
    """
    if not computes_in_bfloat16(model):
        return model(**inputs).logits[:, :-1][chosen]
    head = model.get_output_embeddings()
    with head.register_forward_pre_hook(lambda module, given: (given[0][:, :-1][chosen],)):
        return model(**inputs).logits
