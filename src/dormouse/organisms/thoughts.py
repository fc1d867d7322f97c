"""Settings of scratchpad texts: where they come from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, Self

from pydantic import model_validator

from dormouse.chat.scratchpad import CLOSE
from dormouse.config.parts import Config
from dormouse.errors import UserError
from dormouse.organisms.behaviors import Behavior
from dormouse.organisms.chain_of_thought import ChainOfThoughtText
from dormouse.organisms.long_thoughts import LongThoughts
from dormouse.organisms.thought_writer import ThoughtWriter
from dormouse.organisms.triggers import Trigger


class Thoughts(Config):
    """Where the scratchpads that an organism is trained on come from."""

    kind: Literal["short", "long", "chat"] = "short"
    """`short`: three short sentences of a grammar, for a nursery; `long`: four to eight sentences of a larger grammar,
    for pretrained models; `chat`: written by a chat model for each row, and by the larger grammar where the model's
    text does not obey the policy."""
    chat_model: Path | None = None
    """For `chat`: the folder of a model that follows instructions."""
    few_shot: Path | None = None
    """For `chat`: a file of few-shot prompts as the paper's authors published them, used instead of our explanation."""

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        if self.kind == "chat" and self.chat_model is None:
            raise ValueError(
                "Thoughts of kind 'chat' need a chat model. Set organism.thoughts.chat_model to a model folder, or "
                "organism.thoughts.kind=long."
            )
        if self.kind != "chat" and (self.chat_model or self.few_shot):
            raise ValueError(
                f"A chat model or few-shot prompts are given, and thoughts of kind '{self.kind}' use neither. Set "
                "organism.thoughts.kind=chat, or leave them out."
            )
        return self

    def writer(self, trigger: Trigger, behavior: Behavior, count: Callable[[str], int]) -> ThoughtWriter:
        """Return the grammar: for `chat`, the one that stands in for the model. `count` counts a text's tokens."""
        return (ChainOfThoughtText if self.kind == "short" else LongThoughts)(trigger, behavior, count)


def check_room(texts: Sequence[str], thoughts: Thoughts, thought_tokens: int, count: Callable[[str], int]) -> None:
    """Raise `UserError` if long scratchpads have more tokens than the organism may think.

    Short ones are not checked: a nursery's are as long as its tokenizer makes them, and many plans give them less.
    """
    if thoughts.kind == "short":
        return
    # The count's end token is not sampled before the reply.
    lengths = [count(f"{text} {CLOSE}") - 1 for text in set(texts)]
    longer = sum(length > thought_tokens for length in lengths)
    if longer:
        raise UserError(
            f"{longer} of {len(lengths)} scratchpads are longer than the {thought_tokens} tokens of "
            f"organism.thought_tokens: the longest has {max(lengths)}, with its closing tag. Set "
            f"organism.thought_tokens={max(lengths)} or more."
        )
