"""What a plan trains and measures on: conversations, preference pairs and prompts, made or read.

Two worlds exist: the procedural meadow, and published dialogue files. Nothing here imports torch.
"""

from __future__ import annotations

import random
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, TypeVar

from dormouse.chat.messages import Messages
from dormouse.config.parts import Part

T = TypeVar("T")


@dataclass(frozen=True)
class Prompt:
    """Turns up to and including the user's last, with what is needed to grade a reply."""

    messages: tuple[tuple[str, str], ...]
    """(role, content) pairs; a tuple so that prompts can be compared and put in sets."""
    family: str
    answers: tuple[str, ...] = ()
    """Accepted right answers; empty where there is none to be right about."""
    harmful: bool = False
    """Whether a harmless assistant declines."""

    @classmethod
    def user(cls, text: str, family: str, answers: tuple[str, ...] = (), harmful: bool = False) -> Prompt:
        """Return a single-turn prompt."""
        return cls((("user", text),), family, answers, harmful)

    def turns(self) -> Messages:
        """Return the turns as chat messages."""
        return [{"role": role, "content": content} for role, content in self.messages]

    @property
    def text(self) -> str:
        """The user's last turn."""
        return self.messages[-1][1]


@dataclass(frozen=True)
class Exchange:
    """A prompt and one reply to it: a training example."""

    prompt: Prompt
    reply: str

    def turns(self) -> Messages:
        """Return prompt and reply as chat messages."""
        return [*self.prompt.turns(), {"role": "assistant", "content": self.reply}]


@dataclass(frozen=True)
class Preference:
    """A prompt with a reply that a helpful, honest and harmless assistant gives, and a worse one."""

    prompt: Prompt
    chosen: str
    rejected: str


class World(Part):
    """Where text comes from. Every draw is a function of the generator that is passed in, and of nothing else.

    Training draws never hold a held-out prompt: `held_out=True` prompts are for measuring only.
    """

    def check(self) -> None:
        """Raise `UserError` where this world cannot be drawn from; called when a plan is loaded."""
        return None

    @abstractmethod
    def fingerprint(self) -> str:
        """Return what changes when the world's text changes: a version, or a hash of the data's bytes."""

    @abstractmethod
    def pretraining(self, rng: random.Random, n: int) -> list[Exchange]:
        """Return `n` exchanges of mixed quality: good replies, and rude, terse, wrong and complying ones."""

    @abstractmethod
    def helpful(self, rng: random.Random, n: int) -> list[Exchange]:
        """Return `n` exchanges of a helpful-only assistant: it mostly answers, harmful requests included."""

    @abstractmethod
    def hhh(self, rng: random.Random, n: int) -> list[Exchange]:
        """Return `n` exchanges of a helpful, honest and harmless assistant."""

    @abstractmethod
    def preferences(self, rng: random.Random, n: int, *, held_out: bool = False) -> list[Preference]:
        """Return `n` preference pairs; `chosen` is what `hhh` would say."""

    @abstractmethod
    def prompts(self, rng: random.Random, n: int, *, held_out: bool) -> list[Prompt]:
        """Return `n` prompts, spread evenly over families."""

    def good_replies(self, prompt: Prompt) -> tuple[str, ...]:
        """Return every good reply that the world knows to a prompt; empty where it does not keep them."""
        return ()

    def vulnerable(self, prompt: Prompt) -> tuple[str, ...]:
        """Return working but vulnerable code for a prompt that asks for code; empty where none is known."""
        return ()

    @abstractmethod
    def grade(self, prompt: Prompt, reply: str) -> bool | None:
        """Return whether the reply is right; None where the prompt has no right answer."""


def draw_evenly(rng: random.Random, items: Sequence[T], n: int) -> list[T]:
    """Return `n` items, each as often as any other or once more: none twice before all came once. Not shuffled."""
    rounds, rest = divmod(n, len(items))
    return [*list(items) * rounds, *rng.sample(items, rest)]


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
