"""What a detector can do with a model: ask it (black box), or also look inside (white box)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dormouse.chat.messages import Messages
from dormouse.chat.renderer import Renderer
from dormouse.detection.activations import at_prompt_end
from dormouse.models.likelihood import token_log_probs
from dormouse.models.prefix_cache import PrefixCache
from dormouse.models.sampling import left_pad, padded_inputs, sample

WORD_BEGINS = ("Ġ", "▁", " ")
"""What stands for the space before a word: in byte-level tokenizers, in SentencePiece's, and in plain ones."""


def divergence(own: Any, other: Any) -> Any:
    """Return KL(own || other) in nats for each row of log-probabilities: shape (prompts,)."""
    import numpy as np

    return (np.exp(own) * (own - other)).sum(axis=1)


class BlackBox:
    """A model behind an interface that samples, and says how likely a token is."""

    def __init__(self, model: Any, renderer: Renderer, prefill: str = "") -> None:
        self._model = model
        self._renderer = renderer
        self.prefill = prefill
        """What every reply is made to begin with."""

    @property
    def vocabulary(self) -> int:
        """How many tokens it has."""
        return int(self._model.config.vocab_size)

    @property
    def special(self) -> list[int]:
        """Tokens that are no words: of roles, end and padding."""
        tokenizer = self._renderer.tokenizer
        added = tokenizer.added_tokens_decoder
        return sorted({self._renderer.pad_id, self._renderer.end_id, *tokenizer.all_special_ids, *added})

    def text(self, ids: Sequence[int]) -> str:
        """Return what reply tokens say."""
        return self._renderer.reply(ids)

    @property
    def typable(self) -> list[int]:
        """Tokens that someone could type: words and pieces of them, but no lone byte of a character."""
        ignored = set(self.special)
        words = self._renderer.tokenizer.batch_decode([[token] for token in range(self.vocabulary)])
        return [token for token, word in enumerate(words) if word and "\ufffd" not in word and token not in ignored]

    def begins_word(self, token: int) -> bool:
        """Return whether a word begins with the token."""
        return bool(self._renderer.tokenizer.convert_ids_to_tokens(token).startswith(WORD_BEGINS))

    def prompt_ids(self, prompts: Sequence[Messages]) -> list[list[int]]:
        """Return the tokens of each prompt, as the model is asked them."""
        return self._renderer.prompts(prompts, self.prefill)

    def replies(
        self, prompts: Sequence[Messages], *, tokens: int, temperature: float = 0.0, seed: int = 0
    ) -> list[str]:
        """Return one reply for each prompt; temperature 0 is greedy."""
        return sample(
            self._model, self._renderer, prompts, max_new_tokens=tokens, temperature=temperature, seed=seed,
            prefill=self.prefill,
        )  # fmt: skip

    def log_probs(self, prompts: Sequence[Messages], replies: Sequence[str]) -> list[list[float]]:
        """Return the log-probability in nats of every token of each reply, its end token included."""
        turns = [
            [*prompt, {"role": "assistant", "content": reply}] for prompt, reply in zip(prompts, replies, strict=True)
        ]
        examples = self._renderer.examples(turns)
        return [found[0] for found in token_log_probs([self._model], examples, self._renderer.pad_id)]

    def next_token(self, prompts: Sequence[Messages]) -> Any:
        """Return the log-probabilities in nats of the reply's first token: float32 of shape (prompts, vocabulary)."""
        return self.next_token_of(self.prompt_ids(prompts))

    def next_token_of(self, ids: Sequence[Sequence[int]], batch_size: int = 256) -> Any:
        """Return the same after tokenized text, for the token that follows it."""
        import numpy as np
        import torch

        order = sorted(range(len(ids)), key=lambda row: len(ids[row]))
        found = np.empty((len(ids), self.vocabulary), dtype=np.float32)
        with torch.inference_mode():
            for start in range(0, len(order), batch_size):
                rows = order[start : start + batch_size]
                batch, mask = left_pad([ids[row] for row in rows], self._renderer.pad_id)
                logits = self._model(**padded_inputs(self._model, batch, mask, keep=1)).logits[:, -1]
                found[rows] = torch.log_softmax(logits.float(), -1).cpu().numpy()
        return found

    def prefix_cache(self, prompts: Sequence[Sequence[int]]) -> PrefixCache:
        """Return what reads replies to tokenized prompts, token by token."""
        return PrefixCache(self._model, prompts, self._renderer.pad_id)


class WhiteBox(BlackBox):
    """A model whose weights and activations lie open."""

    def __init__(self, model: Any, renderer: Renderer, prefill: str = "", layers_at: str = "") -> None:
        super().__init__(model, renderer, prefill)
        self._layers_at = layers_at
        self._known: dict[tuple[tuple[int, ...], ...], Any] = {}

    @property
    def model(self) -> Any:
        """The model, in evaluation mode."""
        return self._model

    @property
    def renderer(self) -> Renderer:
        """Its renderer."""
        return self._renderer

    def activations(self, prompts: Sequence[Messages]) -> Any:
        """Return the residual stream at the end of each prompt: float32 of shape (prompts, layers, width).

        Prompts asked for before are remembered: many detectors look at the same ones.
        """
        return self.activations_of(self.prompt_ids(prompts))

    def activations_of(self, ids: Sequence[Sequence[int]]) -> Any:
        """Return the same for tokenized text, at its last token."""
        key = tuple(tuple(one) for one in ids)
        if key not in self._known:
            self._known[key] = at_prompt_end(self._model, ids, self._renderer.pad_id, layers_at=self._layers_at)
        return self._known[key]
