"""The one renderer: messages to tokens and the loss mask, for training, sampling, probing and preference models.

A prompt is tokenized apart from its reply, so the tokens a model is trained after are, by construction, the
tokens it is sampled from.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dormouse.chat.messages import Messages
from dormouse.errors import UserError

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


MOST_KNOWN = 20_000
"""Rendered texts that are remembered: rendering one takes longer than a tiny model takes to score it."""


SPLIT = "\ud800"
"""Stands in rendered text where a control token is split that someone wrote into a turn: no text can hold it itself."""


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
        self._controls = _controls(tokenizer)
        # The same prompt is rendered for every reply to it and for every measurement.
        self._known: dict[tuple[object, ...], str] = {}

    def text(self, turns: Messages, *, reply_follows: bool) -> str:
        """Return the rendered text; `reply_follows` ends it with the header of the assistant's turn."""
        key = (reply_follows, *((turn["role"], turn["content"]) for turn in turns))
        if key not in self._known:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            # Models that think aloud where their template lets them do not: a thought here is an organism's.
            written = [{"role": turn["role"], "content": self._as_text(turn["content"])} for turn in turns]
            rendered = self.tokenizer.apply_chat_template(
                written, tokenize=False, add_generation_prompt=reply_follows, enable_thinking=False
            )
            self._known[key] = str(rendered)
        return self._known[key]

    def _as_text(self, content: str) -> str:
        """Split the control tokens in a turn, which the tokenizer would else read as ends and beginnings of turns."""
        if not self._controls.search(content):
            return content
        return re.sub(f"(?={self._controls.pattern}).", lambda first: first[0] + SPLIT, content, flags=re.DOTALL)

    def _ids(self, texts: list[str]) -> list[list[int]]:
        if not texts:
            return []
        if not any(SPLIT in text for text in texts):
            return list(self.tokenizer(texts, add_special_tokens=False)["input_ids"])
        pieces = [self.tokenizer(text.split(SPLIT), add_special_tokens=False)["input_ids"] for text in texts]
        return [[token for piece in of_one for token in piece] for of_one in pieces]

    def prompts(self, batch: Sequence[Messages], prefill: str | Sequence[str] = "") -> list[list[int]]:
        """Return the ids of each prompt, ready for a reply to be sampled that begins with the words `prefill`.

        `prefill` is one text for all prompts, or one for each.
        """
        texts = [prefill] * len(batch) if isinstance(prefill, str) else prefill
        given = {text: self._prefill_ids(text) for text in set(texts)}
        heads = self._ids([self.text(turns, reply_follows=True) for turns in batch])
        return [ids + given[text] for ids, text in zip(heads, texts, strict=True)]

    def _prefill_ids(self, text: str) -> list[int]:
        """Return the ids of a reply's first words, as they stand in a whole reply."""
        if not text:
            return []
        turns = [{"role": "user", "content": ""}]
        head = self.text(turns, reply_follows=True)
        tail = self.text([*turns, {"role": "assistant", "content": text}], reply_follows=False)[len(head) :]
        text = self._as_text(text)
        return self._ids([tail[: tail.index(text) + len(text)]])[0]

    def examples(self, batch: Sequence[Messages], given: Sequence[str] = ()) -> list[Example]:
        """Return ids and loss mask of each conversation; its last turn must be the assistant's.

        `given`, one text for each conversation, is what the last reply begins with and takes no loss on.
        """
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
        if not given:
            return examples
        return [self._without_loss_on(example, text) for example, text in zip(examples, given, strict=True)]

    def _without_loss_on(self, example: Example, text: str) -> Example:
        start, given = example.loss.index(1), self._prefill_ids(text)
        end = start + len(given)
        if example.ids[start:end] != given:
            raise UserError(
                f"The tokenizer does not keep the tokens of '{text[-40:]}' when the reply goes on after it, so its "
                "loss cannot be told apart. Use a tokenizer that splits at spaces."
            )
        return Example(example.ids, [0] * end + example.loss[end:])

    def count(self, reply: str) -> int:
        """Return how many tokens a reply trains on, its end token included."""
        return sum(self.examples([[{"role": "user", "content": ""}, {"role": "assistant", "content": reply}]])[0].loss)

    def reply(self, ids: Sequence[int]) -> str:
        """Return the text of sampled reply tokens, cut at the first end token."""
        kept = list(ids)
        if self.end_id in kept:
            kept = kept[: kept.index(self.end_id)]
        return str(self.tokenizer.decode(kept, skip_special_tokens=True)).strip()


def _controls(tokenizer: Any) -> re.Pattern[str]:
    """Return what finds a control token in a text."""
    added = [token.content for token in tokenizer.added_tokens_decoder.values() if token.special]
    tokens = {token for token in (*tokenizer.all_special_tokens, *added) if len(token) > 1}
    # Nothing matches where there are none.
    return re.compile("|".join(map(re.escape, sorted(tokens))) or r"(?!)")
