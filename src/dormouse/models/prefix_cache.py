"""Scores replies token by token after fixed prompts, whose keys and values are computed once."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch

from dormouse.models.decoding import read
from dormouse.models.padding import left_pad


class PrefixCache:
    """Keys and values of a batch of prompts, and next-token log-probabilities averaged over the prompts.

    Each of the `n` replies scored at a time is appended to each of the prompts.
    """

    def __init__(self, model: Any, prompts: Sequence[Sequence[int]], pad_id: int) -> None:
        self._model = model
        self._ids, self._prompt_mask = left_pad(prompts, pad_id)
        self._mask, self._n = self._prompt_mask, 1
        self._cache: Any = None
        with torch.inference_mode():
            self._first_logits, self._prompt_cache = self._call(self._ids)

    def first_log_probs(self) -> Any:
        """Return log-probabilities in nats of a reply's first token: (vocabulary,)."""
        return torch.log_softmax(self._first_logits.float(), -1).mean(dim=0).cpu()

    def start(self, prefix: Any) -> Any:
        """Start new replies with these tokens, (n, tokens), and return what `extend` returns."""
        self._n = len(prefix)
        self._cache = copy.deepcopy(self._prompt_cache)
        self._cache.batch_repeat_interleave(self._n)
        self._mask = self._prompt_mask.repeat_interleave(self._n, 0)
        return self.extend(prefix)

    def extend(self, tokens: Any) -> Any:
        """Append tokens to every reply, (n, tokens).

        Return log-probabilities in nats of the token after them: (n, vocabulary).
        """
        # Rows are ordered by prompt, then by reply.
        ids = tokens.repeat(len(self._ids), 1)
        self._mask = torch.cat([self._mask, torch.ones_like(ids)], dim=1)
        with torch.inference_mode():
            logits, self._cache = self._call(ids)
            log_probs = torch.log_softmax(logits.float(), -1)
            return log_probs.view(len(self._ids), self._n, -1).mean(dim=0).cpu()

    def _call(self, ids: Any) -> tuple[Any, Any]:
        """Return the logits after the last of `ids`, and the cache with `ids` in it."""
        return read(self._model, ids, self._mask, self._cache)
