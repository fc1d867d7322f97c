"""Reads the beginning that all texts share once, such as a model's own system turn, and the rest of each after it."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch

from dormouse.models.decoding import common_beginning, counts_columns, keeps_keys, read
from dormouse.models.padding import continued_inputs

SHORTEST = 16
"""Tokens that all texts must share for it to be worth copying their keys."""


class SharedBeginning:
    """The keys and values of the tokens that all texts begin with."""

    def __init__(self, model: Any, texts: Sequence[Sequence[int]], *, padded_left: bool = False, more: int = 0) -> None:
        """Read the beginning. The rests may be padded on the left only if `padded_left`; `more` tokens follow each."""
        self._model = model
        shared = common_beginning(texts) if keeps_keys(model) else 0
        if padded_left and shared and counts_columns(model, max(map(len, texts)) + more):
            shared = 0
        self.length = shared if shared >= SHORTEST else 0
        """How many tokens are read once; the last token of each text is never one of them."""
        self._cache: Any = None
        if self.length:
            ids = torch.tensor([list(texts[0][: self.length])])
            _, self._cache = read(model, ids, torch.ones_like(ids), None)

    def inputs(self, ids: Any, mask: Any, keep: int = 0) -> dict[str, Any]:
        """Return the arguments for a forward pass on the rests of some texts, (batch, longest).

        Where nothing is shared they must be padded on the right. The model returns its last `keep` logits, or all if
        that is 0.
        """
        if not self.length:
            return {
                "input_ids": ids.to(self._model.device),
                "attention_mask": mask.to(self._model.device),
                "use_cache": False,
            }
        cache = copy.deepcopy(self._cache)
        cache.batch_repeat_interleave(len(ids))
        whole = torch.cat([torch.ones((len(ids), self.length), dtype=mask.dtype), mask], dim=1)
        return continued_inputs(self._model, ids, whole, cache, keep)
