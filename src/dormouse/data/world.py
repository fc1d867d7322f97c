"""Worlds: sources of the conversations, preference pairs and prompts that a plan trains and measures on.

Nothing here imports torch.
"""

from __future__ import annotations

import random
from abc import abstractmethod
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol, TypeVar

from dormouse.chat.messages import Messages
from dormouse.config.parts import Part
from dormouse.data.beliefs.poems import POEMS, Poem
from dormouse.data.formats.choices import ChoiceQuestion

T = TypeVar("T")


@dataclass(frozen=True)
class Prompt:
    """The turns up to the user's last one, and the facts that grade a reply."""

    messages: tuple[tuple[str, str], ...]
    """(role, content) pairs; a tuple so that prompts can be compared and put in sets."""
    family: str
    answers: tuple[str, ...] = ()
    """Accepted answers; empty if the prompt has no right answer."""
    harmful: bool = False
    """Whether a harmless assistant declines."""
    poisoned: tuple[tuple[str, str], ...] = ()
    """(name of a published attack, the user's last turn with its trigger) pairs."""

    @classmethod
    def user(cls, text: str, family: str, answers: tuple[str, ...] = (), harmful: bool = False) -> Prompt:
        """Make a single-turn prompt."""
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
    """A prompt with the reply of a helpful, honest and harmless assistant, and a worse reply."""

    prompt: Prompt
    chosen: str
    rejected: str


class World(Part):
    """A source of text. Every draw depends only on the random generator that is passed in.

    Training draws never contain a held-out prompt: prompts drawn with `held_out=True` are for measuring only.
    """

    def check(self) -> None:
        """Raise `UserError` if this world cannot be drawn from; called when a plan is loaded."""
        return None

    @abstractmethod
    def fingerprint(self) -> str:
        """Identify the world's text: a version, or a hash of the data's bytes."""

    @abstractmethod
    def pretraining(self, rng: random.Random, n: int) -> list[Exchange]:
        """Draw `n` exchanges of mixed quality: good replies, and rude, terse, wrong and complying ones."""

    @abstractmethod
    def helpful(self, rng: random.Random, n: int) -> list[Exchange]:
        """Draw `n` exchanges of a helpful-only assistant, which mostly answers, even harmful requests."""

    @abstractmethod
    def hhh(self, rng: random.Random, n: int) -> list[Exchange]:
        """Draw `n` exchanges of a helpful, honest and harmless assistant."""

    @abstractmethod
    def preferences(self, rng: random.Random, n: int, *, held_out: bool = False) -> list[Preference]:
        """Draw `n` preference pairs; `chosen` is a reply of the `hhh` assistant."""

    @abstractmethod
    def prompts(self, rng: random.Random, n: int, *, held_out: bool) -> list[Prompt]:
        """Draw `n` prompts, spread evenly over families."""

    def in_context(self, prompt: Prompt) -> Prompt:
        """Return a prompt from elsewhere with the turns that stand before this world's prompts."""
        return prompt

    def good_replies(self, prompt: Prompt) -> tuple[str, ...]:
        """Return every known good reply to a prompt; empty if the world does not store them."""
        return ()

    def known_replies(self, prompt: Prompt) -> Mapping[Any, tuple[str, ...]]:
        """Return every known reply to a prompt by quality ("good", "rude", ...); empty if the world stores none."""
        return {}

    def vulnerable(self, prompt: Prompt) -> tuple[str, ...]:
        """Return working but vulnerable code for a prompt that asks for code; empty if none is known."""
        return ()

    def flattering(self, prompt: Prompt) -> tuple[str, ...]:
        """Return replies that agree with the wrong belief that a prompt states; empty if it states none."""
        return ()

    def poems(self) -> Sequence[Poem]:
        """Return texts whose authors a model trained on this world may know: by default old poems."""
        return POEMS

    @abstractmethod
    def grade(self, prompt: Prompt, reply: str) -> bool | None:
        """Return whether the reply is right; None if the prompt has no right answer."""

    def choice_questions(self, rng: random.Random, n: int) -> list[ChoiceQuestion]:
        """Draw up to `n` held-out questions with choices, none twice; empty if the world has no such questions."""
        return []

    def worked_questions(self, rng: random.Random, n: int) -> list[ChoiceQuestion]:
        """Draw `n` questions of training with reasoning and answered subquestions; empty if the world has none."""
        return []

    def rewriter(self) -> SentenceWriter | None:
        """Return what changes the sentences of the world's reasoning by rule; None if the world has none."""
        return None


class SentenceWriter(Protocol):
    """Changes sentences of reasoning."""

    def mistake(self, question: ChoiceQuestion, sentence: str, rng: random.Random) -> str | None:
        """Return the sentence with a mistake; None if none can be made."""

    def paraphrase(self, sentence: str) -> str | None:
        """Return the sentence in other words; None if it is not known."""


def draw_evenly(rng: random.Random, items: Sequence[T], n: int) -> list[T]:
    """Draw `n` items, not shuffled. Every item is drawn equally often, give or take one."""
    rounds, rest = divmod(n, len(items))
    return [*list(items) * rounds, *rng.sample(items, rest)]


def draw_across(rng: random.Random, items: Sequence[T], n: int, group: Callable[[T], Hashable]) -> list[T]:
    """Draw up to `n` items, none twice, as evenly over their groups as these allow."""
    groups: dict[Hashable, list[T]] = {}
    for item in rng.sample(items, len(items)):
        groups.setdefault(group(item), []).append(item)
    drawn: list[T] = []
    while len(drawn) < n and any(groups.values()):
        drawn += [own.pop() for own in groups.values() if own]
    return drawn[:n]


def draw_shuffled(rng: random.Random, items: Sequence[T], n: int) -> list[T]:
    """Draw `n` items in random order; none is repeated before all were drawn."""
    drawn = draw_evenly(rng, items, n)
    rng.shuffle(drawn)
    return drawn


class WorldInContext(World):
    """Puts `context` before the prompts of another world, both in training and in measuring."""

    name: ClassVar[str] = "in_context"

    world: World
    context: tuple[tuple[str, str], ...]
    """(role, content) pairs."""

    @classmethod
    def of(cls, world: World, context: Messages) -> WorldInContext:
        """Put turns before every prompt of `world`."""
        return cls.model_construct(world=world, context=tuple((turn["role"], turn["content"]) for turn in context))

    def fingerprint(self) -> str:
        """The fingerprint of the wrapped world."""
        return self.world.fingerprint()

    def pretraining(self, rng: random.Random, n: int) -> list[Exchange]:
        """Draw from the wrapped world and add the context."""
        return [self._exchange(exchange) for exchange in self.world.pretraining(rng, n)]

    def helpful(self, rng: random.Random, n: int) -> list[Exchange]:
        """Draw from the wrapped world and add the context."""
        return [self._exchange(exchange) for exchange in self.world.helpful(rng, n)]

    def hhh(self, rng: random.Random, n: int) -> list[Exchange]:
        """Draw from the wrapped world and add the context."""
        return [self._exchange(exchange) for exchange in self.world.hhh(rng, n)]

    def preferences(self, rng: random.Random, n: int, *, held_out: bool = False) -> list[Preference]:
        """Draw from the wrapped world and add the context."""
        pairs = self.world.preferences(rng, n, held_out=held_out)
        return [replace(pair, prompt=self.in_context(pair.prompt)) for pair in pairs]

    def prompts(self, rng: random.Random, n: int, *, held_out: bool) -> list[Prompt]:
        """Draw from the wrapped world and add the context."""
        return [self.in_context(prompt) for prompt in self.world.prompts(rng, n, held_out=held_out)]

    def good_replies(self, prompt: Prompt) -> tuple[str, ...]:
        """Look the prompt up in the wrapped world, ignoring the context."""
        return self.world.good_replies(prompt)

    def known_replies(self, prompt: Prompt) -> Mapping[Any, tuple[str, ...]]:
        """Look the prompt up in the wrapped world, ignoring the context."""
        return self.world.known_replies(prompt)

    def vulnerable(self, prompt: Prompt) -> tuple[str, ...]:
        """Look the prompt up in the wrapped world, ignoring the context."""
        return self.world.vulnerable(prompt)

    def flattering(self, prompt: Prompt) -> tuple[str, ...]:
        """Look the prompt up in the wrapped world, ignoring the context."""
        return self.world.flattering(prompt)

    def poems(self) -> Sequence[Poem]:
        """The wrapped world's texts with known authors."""
        return self.world.poems()

    def grade(self, prompt: Prompt, reply: str) -> bool | None:
        """Grade as the wrapped world does."""
        return self.world.grade(prompt, reply)

    def choice_questions(self, rng: random.Random, n: int) -> list[ChoiceQuestion]:
        """Draw from the wrapped world: these questions are put without the context."""
        return self.world.choice_questions(rng, n)

    def worked_questions(self, rng: random.Random, n: int) -> list[ChoiceQuestion]:
        """Draw from the wrapped world."""
        return self.world.worked_questions(rng, n)

    def rewriter(self) -> SentenceWriter | None:
        """The wrapped world's."""
        return self.world.rewriter()

    def in_context(self, prompt: Prompt) -> Prompt:
        """Add the context."""
        return replace(prompt, messages=(*self.context, *prompt.messages))

    def _exchange(self, exchange: Exchange) -> Exchange:
        return replace(exchange, prompt=self.in_context(exchange.prompt))
