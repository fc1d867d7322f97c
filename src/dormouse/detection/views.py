"""A model as a detector sees it: `BlackBox` can be asked, `WhiteBox` can also be opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch

from dormouse.chat.messages import Messages
from dormouse.chat.renderer import Renderer
from dormouse.detection.activations import at_prompt_end, attention_peaks, choose_layer
from dormouse.models.likelihood import token_log_probs
from dormouse.models.number_format import fast_copy
from dormouse.models.padding import left_pad, padded_inputs
from dormouse.models.prefix_cache import PrefixCache
from dormouse.models.sampling import sample

WORD_BEGINS = ("Ġ", "▁", " ")
"""How byte-level, SentencePiece and plain tokenizers write the space before a word."""


def divergence(own: Any, other: Any) -> Any:
    """Return KL(own || other) in nats for each row of log-probabilities: shape (prompts,)."""
    return (np.exp(own) * (own - other)).sum(axis=1)


class BlackBox:
    """A model that can be sampled and asked for token probabilities, but not opened."""

    def __init__(self, model: Any, renderer: Renderer, prefill: str = "") -> None:
        self._model = model
        self._renderer = renderer
        self.prefill = prefill
        """Text that every reply begins with."""

    @property
    def vocabulary(self) -> int:
        """Number of tokens in the vocabulary."""
        return int(self._model.config.vocab_size)

    @property
    def special(self) -> list[int]:
        """Tokens that are not text: roles, end and padding."""
        tokenizer = self._renderer.tokenizer
        added = tokenizer.added_tokens_decoder
        return sorted({self._renderer.pad_id, self._renderer.end_id, *tokenizer.all_special_ids, *added})

    def text(self, ids: Sequence[int]) -> str:
        """Decode reply tokens."""
        return self._renderer.reply(ids)

    @property
    def typable(self) -> list[int]:
        """Tokens that a user could type: words and pieces of words, but not single bytes of a character."""
        ignored = set(self.special)
        words = self._renderer.tokenizer.batch_decode([[token] for token in range(self.vocabulary)])
        return [token for token, word in enumerate(words) if word and "\ufffd" not in word and token not in ignored]

    def begins_word(self, token: int) -> bool:
        """Whether the token begins a word."""
        return bool(self._renderer.tokenizer.convert_ids_to_tokens(token).startswith(WORD_BEGINS))

    def prompt_ids(self, prompts: Sequence[Messages]) -> list[list[int]]:
        """Tokenize each prompt with the chat template and the beginning of the reply."""
        return self._renderer.prompts(prompts, self.prefill)

    def replies(
        self, prompts: Sequence[Messages], *, tokens: int, temperature: float = 0.0, seed: int = 0
    ) -> list[str]:
        """Sample one reply for each prompt; temperature 0 is greedy."""
        return sample(
            self._model, self._renderer, prompts, max_new_tokens=tokens, temperature=temperature, seed=seed,
            prefill=self.prefill,
        )  # fmt: skip

    def log_probs(self, prompts: Sequence[Messages], replies: Sequence[str]) -> list[list[float]]:
        """Return the log-probability in nats of every token of each reply, including its end token.

        The tokens of `prefill` at the beginning of a reply are left out: the model did not choose them.
        """
        turns = [
            [*prompt, {"role": "assistant", "content": reply}] for prompt, reply in zip(prompts, replies, strict=True)
        ]
        given = [self.prefill if reply.startswith(self.prefill) else "" for reply in replies]
        examples = self._renderer.examples(turns, given)
        return [found[0] for found in token_log_probs([self._model], examples, self._renderer.pad_id)]

    def next_token(self, prompts: Sequence[Messages]) -> Any:
        """Return the log-probabilities in nats of the reply's first token: float32 of shape (prompts, vocabulary)."""
        return self.next_token_of(self.prompt_ids(prompts))

    def next_token_of(self, ids: Sequence[Sequence[int]], batch_size: int = 256) -> Any:
        """Return the same for the token that follows tokenized text."""
        order = sorted(range(len(ids)), key=lambda row: len(ids[row]))
        found = np.empty((len(ids), self.vocabulary), dtype=np.float32)
        with torch.inference_mode():
            for start in range(0, len(order), batch_size):
                rows = order[start : start + batch_size]
                batch, mask = left_pad([ids[row] for row in rows], self._renderer.pad_id)
                logits = self._model(**padded_inputs(self._model, batch, mask, keep=1)).logits[:, -1]
                found[rows] = torch.log_softmax(logits.float(), -1).cpu().numpy()
        return found

    def divergence(self, other: BlackBox, prompts: Sequence[Messages]) -> Any:
        """Return KL(this || other) in nats at each reply's first token: shape (prompts,)."""
        return divergence(self.next_token(prompts), other.next_token(prompts))

    def reading(self, prompts: Sequence[Sequence[int]]) -> PrefixCache:
        """Start reading replies to tokenized prompts token by token, with cached keys and values."""
        return PrefixCache(self._fast, prompts, self._renderer.pad_id)

    @cached_property
    def _fast(self) -> Any:
        """The model to read token by token, in the faster number format."""
        return fast_copy(self._model)


class WhiteBox(BlackBox):
    """A model whose weights and activations can be read."""

    def __init__(self, model: Any, renderer: Renderer, prefill: str = "", layers_at: str = "") -> None:
        super().__init__(model, renderer, prefill)
        self._layers_at = layers_at
        self._known: dict[tuple[tuple[int, ...], ...], Any] = {}
        self._peaks: dict[tuple[tuple[int, ...], ...], Any] = {}

    def black_box(self) -> BlackBox:
        """Return a view of the same model that cannot be opened."""
        return BlackBox(self._model, self._renderer, self.prefill)

    @property
    def model(self) -> Any:
        """The model, in evaluation mode."""
        return self._model

    @property
    def renderer(self) -> Renderer:
        """The renderer of its chat format."""
        return self._renderer

    def activations(self, prompts: Sequence[Messages]) -> Any:
        """Return the residual stream at the end of each prompt: float32 of shape (prompts, layers, width).

        Results are cached, because many detectors look at the same prompts.
        """
        return self.activations_of(self.prompt_ids(prompts))

    def attention_peaks(self, prompts: Sequence[Messages]) -> Any:
        """Return the largest attention weight from the end of each prompt: float32 of shape (prompts, layers).

        Results are cached, because every layer is scored on the same prompts.
        """
        ids = self.prompt_ids(prompts)
        key = tuple(tuple(one) for one in ids)
        if key not in self._peaks:
            self._peaks[key] = attention_peaks(self._model, ids, self._renderer.pad_id)
        return self._peaks[key]

    def at_layer(self, layer: int | None) -> LayerView:
        """Return a view of the residual stream after one layer; None is the middle one."""
        return LayerView(self, layer)

    def activations_of(self, ids: Sequence[Sequence[int]]) -> Any:
        """Return the same at the last token of tokenized text."""
        key = tuple(tuple(one) for one in ids)
        if key not in self._known:
            self._known[key] = at_prompt_end(self._model, ids, self._renderer.pad_id, layers_at=self._layers_at)
        return self._known[key]


@dataclass(frozen=True)
class LayerView:
    """A model's residual stream after one layer."""

    model: WhiteBox
    layer: int | None
    """Counted from 1; None is the middle one."""

    def at_prompts(self, prompts: Sequence[Messages]) -> Any:
        """Return the activations at the end of each prompt: float32 of shape (prompts, width)."""
        return self._pick(self.model.activations(prompts))

    def at_answers(self, question: str, answers: Sequence[str]) -> Any:
        """Return the activations at the last token of each answer to a question: (answers, width)."""
        asked = [[{"role": "user", "content": question}]] * len(answers)
        return self._pick(self.model.activations_of(self.model.renderer.prompts(asked, answers)))

    def _pick(self, activations: Any) -> Any:
        return activations[:, choose_layer(self.layer, activations.shape[1]) - 1]
