"""Measures the lengths of a world's conversations in tokens, on a few hundred of them, before a plan runs."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

from dormouse.chat.messages import Messages
from dormouse.data.world import Exchange, Prompt, World

DRAWN = 400
"""Conversations that are drawn: the standard error of a mean length is then a few percent."""

WORD = re.compile(r"\w+|[^\w\s]")
"""A word or a mark. The nursery's tokenizer has a token for each common one."""

TURN = 2
"""Tokens that a chat template adds to a turn: the nursery's writes a role and an end token."""

TURN_OF_CHAT_MODELS = 5
"""The same for a published model; ChatML writes five."""

CountTokens = Callable[[str], int]


def count_words(text: str) -> int:
    """Count words and marks."""
    return len(WORD.findall(text))


def count_bytes(text: str) -> int:
    """Return a quarter of the text's bytes: a large vocabulary has about four bytes of English a token."""
    return max(1, round(len(text.encode()) / 4))


@dataclass(frozen=True)
class Drawn:
    """The lengths of a draw of conversations, in tokens, one by one."""

    prompts: list[int]
    """Each with the header of the reply that follows."""
    replies: list[int]
    """Each with its end token."""

    @property
    def whole(self) -> list[int]:
        """The lengths of prompt and reply together."""
        return [prompt + reply for prompt, reply in zip(self.prompts, self.replies, strict=True)]


@dataclass(frozen=True)
class TextLengths:
    """Draws from a world, and counts tokens."""

    world: World
    count: CountTokens
    turn: int = TURN
    """Tokens that the chat template adds to a turn."""
    system: int = 0
    """Tokens of the system turn that the chat template begins with."""

    def of_prompt(self, turns: Messages) -> int:
        """Count the tokens of a prompt, with the header of the reply."""
        return sum(self.count(turn["content"]) + self.turn for turn in turns) + self.turn // 2 + self.system

    def of_reply(self, text: str) -> int:
        """Count the tokens of a reply, with its end token."""
        return self.count(text) + 1

    def _of(self, exchanges: Iterable[Exchange]) -> Drawn:
        pairs = [(self.of_prompt(one.prompt.turns()), self.of_reply(one.reply)) for one in exchanges]
        return Drawn([prompt for prompt, _ in pairs], [reply for _, reply in pairs])

    @cached_property
    def pretraining(self) -> Drawn:
        """Conversations that a base is trained on."""
        return self._of(self.world.pretraining(random.Random("lengths"), DRAWN))

    @cached_property
    def helpful(self) -> Drawn:
        """Exchanges of the helpful-only assistant."""
        return self._of(self.world.helpful(random.Random("lengths"), DRAWN))

    @cached_property
    def hhh(self) -> Drawn:
        """Exchanges of the helpful, honest and harmless assistant."""
        return self._of(self.world.hhh(random.Random("lengths"), DRAWN))

    @cached_property
    def pairs(self) -> Drawn:
        """Both conversations of preference pairs."""
        drawn = self.world.preferences(random.Random("lengths"), DRAWN)
        return self._of(Exchange(pair.prompt, reply) for pair in drawn for reply in (pair.chosen, pair.rejected))

    @cached_property
    def asked(self) -> list[Prompt]:
        """Prompts that measurements draw."""
        return self.world.prompts(random.Random("lengths"), DRAWN, held_out=True)

    @cached_property
    def asked_lengths(self) -> list[int]:
        """Their lengths."""
        return [self.of_prompt(prompt.turns()) for prompt in self.asked]

    def gradable(self, n: int) -> int:
        """Return how many of `n` prompts with right answers a world has, none twice."""
        drawn = self.world.prompts(random.Random("lengths"), 2 * n, held_out=True)
        return min(n, len({prompt for prompt in drawn if prompt.answers}))
