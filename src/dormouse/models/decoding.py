"""Decodes replies to many prompts at once, with the keys and values of what was read kept.

The beginning that all prompts share is read once, equal prompts are read once, and finished replies make room for
waiting prompts.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from dormouse.models.padding import continued_inputs, left_pad, padded_inputs, takes_positions

SHORTEST_SHARED = 4
"""Tokens that all prompts must share for their keys and values to be computed apart."""
MOST_FINISHED = 1 / 8
"""Share of finished replies in a batch from which they are taken out: taking them out copies the others' keys."""
MOST_FREE = 1 / 4
"""Share of a full batch that must be free before waiting prompts are read: few at a time would be read slowly."""

Choose = Callable[[Any, Any, Any], Any]
"""(logits, rows, number of tokens they have) -> the next token of each: (rows,)."""


@dataclass
class _Batch:
    """Replies in the making: their cache, the mask of what was read, and the last token of each, not yet read."""

    rows: Any
    cache: Any
    mask: Any
    last: Any

    def keep(self, kept: Any) -> None:
        """Keep only these of the replies, and drop columns in which nobody has a token."""
        self.rows, self.mask, self.last = self.rows[kept], self.mask[kept], self.last[kept]
        empty = int(self.mask.any(dim=0).int().argmax()) if len(self.rows) else 0
        self.mask = self.mask[:, empty:]
        for layer in _filled(self.cache):
            layer.keys = layer.keys[kept][..., empty:, :]
            layer.values = layer.values[kept][..., empty:, :]

    def join(self, other: _Batch) -> _Batch:
        """Add the replies of another batch, padded on the left to the same length."""
        longest = max(self.mask.shape[1], other.mask.shape[1])
        pairs = zip(_filled(self.cache), _filled(other.cache), strict=True)
        for mine, theirs in pairs:
            mine.keys = torch.cat([_lengthen(mine.keys, longest), _lengthen(theirs.keys, longest)])
            mine.values = torch.cat([_lengthen(mine.values, longest), _lengthen(theirs.values, longest)])
        masks = [torch.nn.functional.pad(one.mask, (longest - one.mask.shape[1], 0)) for one in (self, other)]
        self.mask = torch.cat(masks)
        self.rows, self.last = torch.cat([self.rows, other.rows]), torch.cat([self.last, other.last])
        return self


def _filled(cache: Any) -> list[Any]:
    """Return the layers that hold keys: some architectures share those of other layers."""
    return [layer for layer in cache.layers if layer.is_initialized]


def _lengthen(keys: Any, length: int) -> Any:
    """Pad keys or values, (batch, heads, tokens, width), with zeros on the left."""
    return torch.nn.functional.pad(keys, (0, 0, length - keys.shape[-2], 0))


class Decoder:
    """Decodes replies to `prompts`; `replies` holds those that are finished, by the number of their prompt."""

    def __init__(
        self,
        model: Any,
        prompts: Sequence[Sequence[int]],
        *,
        pad_id: int,
        end_id: int,
        most_tokens: int,
        choose: Choose,
        keep_keys: bool = True,
    ) -> None:
        self._model, self._prompts, self._choose = model, prompts, choose
        self._pad_id, self._end_id, self._most_tokens = pad_id, end_id, most_tokens
        self._read = read if keep_keys else _read_whole
        longest = max(map(len, prompts), default=0) + most_tokens
        # The rest of a prompt is padded on the left, so after a shared beginning there is padding within the prompt.
        shares = keep_keys and not counts_columns(model, longest)
        self._shared = common_beginning(prompts) if shares else 0
        self._shared_cache: Any = None
        self._tokens = torch.full((len(prompts), most_tokens), pad_id)
        self._counts = torch.zeros(len(prompts), dtype=torch.long)
        self._finished = torch.zeros(len(prompts), dtype=torch.bool)
        self.replies: dict[int, list[int]] = {}

    def decode(self, rows: Sequence[int], slots: int) -> None:
        """Finish the replies to these prompts that are not finished yet, at most `slots` at a time, in this order."""
        waiting = deque(row for row in rows if row not in self.replies)
        self._counts[list(waiting)] = 0
        batch: _Batch | None = None
        while batch is not None or waiting:
            free = slots - (0 if batch is None else len(batch.rows))
            if waiting and (batch is None or free >= MOST_FREE * slots):
                started = self._start([waiting.popleft() for _ in range(min(free, len(waiting)))])
                batch = started if batch is None else batch.join(started)
            assert batch is not None
            batch = self._without_finished(batch, more=bool(waiting))
            if batch is not None:
                self._step(batch)

    def _start(self, rows: list[int]) -> _Batch:
        """Read prompts, each once, and choose the first token of each reply."""
        asked = [tuple(self._prompts[row][self._shared :]) for row in rows]
        different = list(dict.fromkeys(asked))
        place = {prompt: i for i, prompt in enumerate(different)}
        ids, mask = left_pad(different, self._pad_id)
        cache = None
        if self._shared:
            cache = copy.deepcopy(self._cache_of_shared())
            cache.batch_repeat_interleave(len(different))
            mask = torch.cat([torch.ones((len(different), self._shared), dtype=torch.long), mask], dim=1)
        logits, cache = self._read(self._model, ids, mask, cache)
        of_row = torch.tensor([place[prompt] for prompt in asked])
        if len(different) < len(rows):
            cache.batch_select_indices(of_row.to(logits.device))
            logits, mask = logits[of_row.to(logits.device)], mask[of_row]
        batch = _Batch(torch.tensor(rows), cache, mask, None)
        self._choose_next(batch, logits)
        return batch

    def _cache_of_shared(self) -> Any:
        if self._shared_cache is None:
            ids = torch.tensor([list(self._prompts[0][: self._shared])])
            _, self._shared_cache = read(self._model, ids, torch.ones_like(ids), None)
        return self._shared_cache

    def _step(self, batch: _Batch) -> None:
        """Read the last token of each reply and choose the next."""
        batch.mask = torch.cat([batch.mask, torch.ones_like(batch.last[:, None])], dim=1)
        logits, batch.cache = self._read(self._model, batch.last[:, None], batch.mask, batch.cache)
        self._choose_next(batch, logits)

    def _choose_next(self, batch: _Batch, logits: Any) -> None:
        # Finished replies stay in the batch for a while; what is chosen for them is not written.
        going = ~self._finished[batch.rows]
        batch.last = self._choose(logits, batch.rows, self._counts[batch.rows].clamp(max=self._most_tokens - 1)).cpu()
        rows, tokens = batch.rows[going], batch.last[going]
        self._tokens[rows, self._counts[rows]] = tokens
        self._counts[rows] += 1
        ended = rows[(tokens == self._end_id) | (self._counts[rows] == self._most_tokens)]
        self._finished[ended] = True
        for row in ended.tolist():
            self.replies[row] = self._tokens[row, : self._counts[row]].tolist()

    def _without_finished(self, batch: _Batch, *, more: bool) -> _Batch | None:
        """Take out finished replies where they are many; None if all are finished."""
        going = ~self._finished[batch.rows]
        left, size = int(going.sum()), len(batch.rows)
        if not left:
            return None
        if size - left >= (MOST_FREE if more else MOST_FINISHED) * size:
            batch.keep(going.nonzero().squeeze(1))
        return batch


def common_beginning(prompts: Sequence[Sequence[int]]) -> int:
    """Count the tokens that all prompts begin with; at least one token of each is left. Zero if they are few."""
    if not prompts:
        return 0
    first, last = min(prompts, key=list), max(prompts, key=list)
    most = min(len(prompt) for prompt in prompts) - 1
    same = next((i for i in range(most) if first[i] != last[i]), most)
    return same if same >= SHORTEST_SHARED else 0


def read(model: Any, ids: Any, mask: Any, cache: Any) -> tuple[Any, Any]:
    """Read tokens, (batch, new), after those in the cache; `mask`, (batch, all), covers both.

    Return the logits after the last of them, (batch, vocabulary), and the cache with them in it.
    """
    # Without a configuration it keeps all keys, also in layers that look back a few tokens only.
    cache = DynamicCache() if cache is None else cache
    output = model(**continued_inputs(model, ids, mask, cache, keep=1))
    return output.logits[:, -1], cache


def keeps_keys(model: Any) -> bool:
    """Return whether keys and values are all that the model needs of what it has read: not so if it is recurrent."""
    layers = DynamicCache(config=model.config).layers
    return all(type(layer) in (DynamicLayer, DynamicSlidingWindowLayer) for layer in layers)


def counts_columns(model: Any, longest: int) -> bool:
    """Return whether a model would take padding within texts of so many tokens for tokens of theirs.

    Layers that look back a few tokens only, and ALiBi, measure distances in the columns of a batch. BLOOM's ALiBi
    counts tokens.
    """
    layers = DynamicCache(config=model.config).layers
    windows = [layer.sliding_window for layer in layers if isinstance(layer, DynamicSlidingWindowLayer)]
    return min(windows, default=longest) < longest or not (takes_positions(model) or model.config.model_type == "bloom")


class _Texts:
    """The tokens themselves in the place of keys, for a model that must read the whole text for every token."""

    def __init__(self, ids: Any) -> None:
        self.layers = [self]
        self.is_initialized = True
        self.keys = self.values = ids[:, None, :, None]

    def batch_select_indices(self, indices: Any) -> None:
        self.keys = self.values = self.keys[indices]


def _read_whole(model: Any, ids: Any, mask: Any, cache: Any) -> tuple[Any, Any]:
    """Read the whole text again; the arguments and what is returned are as in `read`."""
    text = _Texts(ids if cache is None else torch.cat([cache.keys[:, 0, :, 0], ids], dim=1))
    return model(**padded_inputs(model, text.keys[:, 0, :, 0], mask, keep=1)).logits[:, -1], text
