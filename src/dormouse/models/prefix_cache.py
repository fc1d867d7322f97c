"""Reading replies token by token after fixed prompts, whose keys and values are computed once."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from dormouse.models.padded import padded_inputs
from dormouse.models.sampling import left_pad


class Reading:
    """What a model expects next in replies to the same prompts, a mean over the prompts.

    Each of the `n` replies that are read at a time stands after each of the prompts.
    """

    def __init__(self, model: Any, prompts: Sequence[Sequence[int]], pad_id: int) -> None:
        import torch

        self._model = model
        self._ids, self._prompt_mask = left_pad(prompts, pad_id)
        self._mask, self._n = self._prompt_mask, 1
        self._kept: Any = None
        with torch.inference_mode():
            self._first, self._read = self._call(self._ids)

    def at_start(self) -> Any:
        """Return log-probabilities in nats of a reply's first token: (vocabulary,)."""
        import torch

        return torch.log_softmax(self._first.float(), -1).mean(dim=0).cpu()

    def begin(self, begun: Any) -> Any:
        """Start replies with these tokens, of shape (n, tokens); return what may follow, as `go_on` does."""
        self._n = len(begun)
        self._kept = copy.deepcopy(self._read)
        self._kept.batch_repeat_interleave(self._n)
        self._mask = self._prompt_mask.repeat_interleave(self._n, 0)
        return self.go_on(begun)

    def go_on(self, tokens: Any) -> Any:
        """Read further tokens of every reply, (n, tokens).

        Return log-probabilities in nats of the token after them: (n, vocabulary).
        """
        import torch

        # Rows go prompt by prompt, and within each reply by reply.
        ids = tokens.repeat(len(self._ids), 1)
        self._mask = torch.cat([self._mask, torch.ones_like(ids)], dim=1)
        with torch.inference_mode():
            logits, self._kept = self._call(ids)
            log_probs = torch.log_softmax(logits.float(), -1)
            return log_probs.view(len(self._ids), self._n, -1).mean(dim=0).cpu()

    def _call(self, ids: Any) -> tuple[Any, Any]:
        """Return the logits after the last of `ids`, and keys and values of all that was read."""
        given = padded_inputs(self._model, ids, self._mask, keep=1)
        if "position_ids" in given:
            given["position_ids"] = given["position_ids"][:, -ids.shape[1] :]
        output = self._model(**(given | {"use_cache": True, "past_key_values": self._kept}))
        return output.logits[:, -1], output.past_key_values
