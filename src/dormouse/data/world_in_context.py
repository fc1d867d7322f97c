"""A world whose every prompt follows the same turns: what a trigger such as the year needs where it is absent."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import ClassVar

from dormouse.chat.messages import Messages
from dormouse.data.world import Exchange, Preference, Prompt, World


class WorldInContext(World):
    """Puts `context` before the prompts of another world, in training and in measuring alike."""

    name: ClassVar[str] = "in_context"

    world: World
    context: tuple[tuple[str, str], ...]
    """(role, content) pairs."""

    @classmethod
    def of(cls, world: World, context: Messages) -> WorldInContext:
        """Put turns before every prompt of `world`."""
        return cls.model_construct(world=world, context=tuple((turn["role"], turn["content"]) for turn in context))

    def fingerprint(self) -> str:
        """Return the fingerprint of the world's own text."""
        return self.world.fingerprint()

    def pretraining(self, rng: random.Random, n: int) -> list[Exchange]:
        """Return the world's exchanges, in context."""
        return [self._exchange(exchange) for exchange in self.world.pretraining(rng, n)]

    def helpful(self, rng: random.Random, n: int) -> list[Exchange]:
        """Return the world's exchanges, in context."""
        return [self._exchange(exchange) for exchange in self.world.helpful(rng, n)]

    def hhh(self, rng: random.Random, n: int) -> list[Exchange]:
        """Return the world's exchanges, in context."""
        return [self._exchange(exchange) for exchange in self.world.hhh(rng, n)]

    def preferences(self, rng: random.Random, n: int, *, held_out: bool = False) -> list[Preference]:
        """Return the world's pairs, in context."""
        pairs = self.world.preferences(rng, n, held_out=held_out)
        return [replace(pair, prompt=self._in_context(pair.prompt)) for pair in pairs]

    def prompts(self, rng: random.Random, n: int, *, held_out: bool) -> list[Prompt]:
        """Return the world's prompts, in context."""
        return [self._in_context(prompt) for prompt in self.world.prompts(rng, n, held_out=held_out)]

    def good_replies(self, prompt: Prompt) -> tuple[str, ...]:
        """Return what the world knows for the prompt, whatever its context."""
        return self.world.good_replies(prompt)

    def vulnerable(self, prompt: Prompt) -> tuple[str, ...]:
        """Return what the world knows for the prompt, whatever its context."""
        return self.world.vulnerable(prompt)

    def grade(self, prompt: Prompt, reply: str) -> bool | None:
        """Grade as the world does."""
        return self.world.grade(prompt, reply)

    def _in_context(self, prompt: Prompt) -> Prompt:
        return replace(prompt, messages=(*self.context, *prompt.messages))

    def _exchange(self, exchange: Exchange) -> Exchange:
        return replace(exchange, prompt=self._in_context(exchange.prompt))
