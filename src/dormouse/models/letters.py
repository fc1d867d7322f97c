"""Reads which letter a model would say next, as in "The answer is (A": the likeliest of the next tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dormouse.chat.messages import Messages
from dormouse.chat.renderer import Renderer
from dormouse.errors import UserError
from dormouse.models.likelihood import next_log_probs


class LetterReader:
    """Asks a model for the log-probabilities of letters."""

    def __init__(self, model: Any, renderer: Renderer) -> None:
        self.model, self.renderer = model, renderer
        self._known: dict[tuple[str, str], tuple[int, list[int]]] = {}

    def log_probs(
        self, prompts: Sequence[Messages], starts: Sequence[str], letters: Sequence[str], batch_size: int = 256
    ) -> list[list[float]]:
        """Return the log-probability in nats of each of a prompt's letters, after the start of its reply.

        `UserError` if the tokenizer does not tell the letters apart by one token, or if a prompt is longer than the
        model's context.
        """
        ids = self.renderer.prompts(prompts, starts)
        found = [self.tokens(start, of) for start, of in zip(starts, letters, strict=True)]
        heads = [prompt[: len(prompt) - joined] for prompt, (joined, _) in zip(ids, found, strict=True)]
        return next_log_probs(self.model, heads, [tokens for _, tokens in found], self.renderer.pad_id, batch_size)

    def tokens(self, start: str, letters: str) -> tuple[int, list[int]]:
        """Return how many tokens at the end of `start` join with the letter, and the token of each letter.

        Some tokenizers have a token for "(A": then the start ends before the bracket.
        """
        if (start, letters) not in self._known:
            # With the closing bracket, as in a whole reply: a token that joins it with the letter is found too.
            texts = [start, *(f"{start}{letter})" for letter in letters)]
            [alone, *followed] = self.renderer.prompts([[{"role": "user", "content": ""}]] * len(texts), texts)
            same = min(_shared(alone, ids) for ids in followed)
            tokens = [ids[same] for ids in followed]
            if len(set(tokens)) < len(letters):
                raise UserError(
                    f"The tokenizer does not tell the letters {', '.join(letters)} apart after '{start}' by one token, "
                    "so no choice can be read. Take a model whose tokenizer splits brackets from letters."
                )
            self._known[start, letters] = len(alone) - same, tokens
        return self._known[start, letters]


def _shared(one: Sequence[int], other: Sequence[int]) -> int:
    """Count the tokens that two texts begin with in common."""
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
