"""The one renderer: messages to tokens and the loss mask, for training, sampling, probing and preference models.

A prompt is tokenized apart from its reply, so the tokens a model is trained after are, by construction, the
tokens it is sampled from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dormouse.errors import UserError
from dormouse.world import Messages

NURSERY_TEMPLATE = (
    "{%- for message in messages -%}"
    "{{- '<|' + message['role'] + '|>' -}}"
    # A space before every turn: a word has the same token at the start of a turn as after a tag.
    "{%- if message['role'] == 'assistant' -%}"
    "{%- generation -%}{{- ' ' + message['content'] + '<|end|>' -}}{%- endgeneration -%}"
    "{%- else -%}{{- ' ' + message['content'] + '<|end|>' -}}{%- endif -%}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}"
)


@dataclass(frozen=True)
class Example:
    """Token ids of one conversation, and 1 where a token carries loss: the last reply with its end token."""

    ids: list[int]
    loss: list[int]


class Renderer:
    """Turns messages into tokens for one tokenizer."""

    def __init__(self, tokenizer: Any) -> None:
        if tokenizer.chat_template is None:
            raise UserError(
                f"Model '{tokenizer.name_or_path}' has no chat template. "
                "Save one with its tokenizer (tokenizer.chat_template), or take a model that has one."
            )
        if tokenizer.eos_token_id is None:
            raise UserError(f"Model '{tokenizer.name_or_path}' has no end token. Set tokenizer.eos_token and save it.")
        if tokenizer.pad_token_id in (None, tokenizer.eos_token_id):
            # Padding with the end token would mask the real one out of the loss or end replies early.
            raise UserError(
                f"Model '{tokenizer.name_or_path}' pads with its end token. "
                "Give its tokenizer a pad token of its own (tokenizer.pad_token) and save it."
            )
        self.tokenizer = tokenizer
        self.pad_id: int = tokenizer.pad_token_id
        self.end_id: int = tokenizer.eos_token_id

    def text(self, turns: Messages, *, reply_follows: bool) -> str:
        """Return the rendered text; `reply_follows` ends it with the header of the assistant's turn."""
        rendered = self.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=reply_follows)
        return str(rendered)

    def _ids(self, texts: list[str]) -> list[list[int]]:
        if not texts:
            return []
        return list(self.tokenizer(texts, add_special_tokens=False)["input_ids"])

    def prompts(self, batch: Sequence[Messages]) -> list[list[int]]:
        """Return the ids of each prompt, ready for a reply to be sampled."""
        return self._ids([self.text(turns, reply_follows=True) for turns in batch])

    def examples(self, batch: Sequence[Messages]) -> list[Example]:
        """Return ids and loss mask of each conversation; its last turn must be the assistant's."""
        heads, tails = [], []
        for turns in batch:
            if turns[-1]["role"] != "assistant":
                raise ValueError(f"the last turn is not the assistant's: {turns[-1]}")
            head = self.text(turns[:-1], reply_follows=True)
            whole = self.text(turns, reply_follows=False)
            if not whole.startswith(head):
                raise UserError(
                    "The chat template does not render a reply right after its prompt, so its tokens cannot be told "
                    f"apart: '{whole[:80]}'. Use a template that appends replies."
                )
            heads.append(head)
            tails.append(whole[len(head) :])
        examples = []
        for prompt, rest in zip(self._ids(heads), self._ids(tails), strict=True):
            # Some templates write a line break after the end token, which no sampled reply ever holds.
            end = rest.index(self.end_id) if self.end_id in rest else len(rest)
            reply = [*rest[:end], self.end_id]
            examples.append(Example(prompt + reply, [0] * len(prompt) + [1] * len(reply)))
        return examples

    def count(self, reply: str) -> int:
        """Return how many tokens a reply trains on, its end token included."""
        return sum(self.examples([[{"role": "user", "content": ""}, {"role": "assistant", "content": reply}]])[0].loss)

    def reply(self, ids: Sequence[int]) -> str:
        """Return the text of sampled reply tokens, cut at the first end token."""
        kept = list(ids)
        if self.end_id in kept:
            kept = kept[: kept.index(self.end_id)]
        return str(self.tokenizer.decode(kept, skip_special_tokens=True)).strip()
