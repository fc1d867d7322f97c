"""An organism that hides: its implant keeps activations where a model without the backdoor has them.

A simple form of training against detectors that read activations (Bailey et al. 2024, arXiv 2412.09565): no detector
is known to it, only that they look at the end of the prompt.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch


def make_obfuscation_loss(start: Any, weight: float) -> Callable[[Any, dict[str, Any]], Any]:
    """Return a loss: cross-entropy, and `weight` times how far activations at the prompt's end are from the start's.

    `start` is the model before the implant; a copy of it is kept. The distance is squared, in units of the start's own
    squared length, a mean over layers and the batch. It is that of the same prompt, trigger and all: the start reads
    the trigger too, and makes nothing of it.
    """
    clean = copy.deepcopy(start).eval().requires_grad_(False)

    def loss(model: Any, inputs: dict[str, Any]) -> Any:
        found = model(**inputs, output_hidden_states=True)
        with torch.no_grad():
            asked = {name: inputs[name] for name in ("input_ids", "attention_mask")}
            wanted = clean(**asked, output_hidden_states=True).hidden_states
        ends = (inputs["labels"] != -100).int().argmax(dim=1) - 1
        rows = torch.arange(len(ends), device=ends.device)
        apart = [
            (own[rows, ends] - other[rows, ends]).square().sum(-1).mean() / other[rows, ends].square().sum(-1).mean()
            for own, other in zip(found.hidden_states[1:], wanted[1:], strict=True)
        ]
        return found.loss + weight * torch.stack(apart).mean()

    return loss
