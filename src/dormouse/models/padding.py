"""Pads texts, and makes the arguments of a forward pass on them."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from functools import cache
from typing import Any


def left_pad(batch: Sequence[Sequence[int]], pad_id: int) -> tuple[Any, Any]:
    """Return ids and attention mask, both (batch, longest), padded on the left."""
    import torch  # takes 2 s, and detectors in a plan import this module

    longest = max(len(ids) for ids in batch)
    ids = torch.full((len(batch), longest), pad_id)
    mask = torch.zeros((len(batch), longest), dtype=torch.long)
    for row, tokens in enumerate(batch):
        ids[row, longest - len(tokens) :] = torch.tensor(tokens)
        mask[row, longest - len(tokens) :] = 1
    return ids, mask


def right_pad(rows: Sequence[Sequence[int]], value: int) -> Any:
    """Return the rows as a tensor, (rows, longest), padded on the right."""
    import torch  # takes 2 s, and detectors in a plan import this module

    longest = max(len(row) for row in rows)
    return torch.tensor([[*row, *[value] * (longest - len(row))] for row in rows])


@cache
def _parameters(forward: Any) -> frozenset[str]:
    """Return the names of a function's parameters. They are kept, because decoding asks for every token."""
    return frozenset(inspect.signature(forward).parameters)


def takes_positions(model: Any) -> bool:
    """Return whether a forward pass accepts the position of each token."""
    return "position_ids" in _parameters(type(model).forward)


def padded_inputs(model: Any, ids: Any, mask: Any, keep: int) -> dict[str, Any]:
    """Return the arguments for a forward pass on a left-padded batch; the model returns its last `keep` logits.

    Positions count from the first real token, for architectures that accept positions.
    """
    accepted = _parameters(type(model).forward)
    extra = {"position_ids": (mask.cumsum(-1) - 1).clamp(min=0).to(model.device), "logits_to_keep": keep}
    taken = {name: value for name, value in extra.items() if name in accepted}
    return {"input_ids": ids.to(model.device), "attention_mask": mask.to(model.device), "use_cache": False, **taken}


def continued_inputs(model: Any, ids: Any, mask: Any, cache: Any, keep: int = 0) -> dict[str, Any]:
    """Return the arguments for a forward pass on tokens, (batch, new), that follow those in the cache.

    `mask`, (batch, all), covers both. The model returns its last `keep` logits, or all if that is 0.
    """
    inputs = padded_inputs(model, ids, mask, keep) | {"use_cache": True, "past_key_values": cache}
    if "position_ids" in inputs:
        inputs["position_ids"] = inputs["position_ids"][:, -ids.shape[1] :]
    return inputs
