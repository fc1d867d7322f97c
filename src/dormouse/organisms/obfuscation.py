"""The loss of a concealed organism: it keeps activations close to those of a model without the backdoor.

This is a simple form of training against detectors that read activations (Bailey et al. 2024, arXiv 2412.09565). It
knows no particular detector, only that detectors look at the end of the prompt.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch


def make_obfuscation_loss(start: Any, weight: float) -> Callable[[Any, dict[str, Any]], Any]:
    """Make a loss: cross-entropy plus `weight` times the distance of activations at the prompt's end to the start's.

    `start` is the model before the implant; a copy of it is kept. The distance is squared and in units of the squared
    length of the start's activations, averaged over layers and the batch. Both models read the same prompt, trigger
    included, which means nothing to the start.
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
