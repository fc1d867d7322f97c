"""What a red team deals in: proposals, what became of them, and the little it may know of its target.

The red team is a black box's opponent. `Target.ask` answers prompts and says which replies were unwanted; a
`Proposer` sees those answers alone. Trigger, behavior and organism never reach either module that proposes.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from dormouse.chat.messages import Messages
from dormouse.data.world import Prompt
from dormouse.results.rates import NotMeasured, Rate, tally

BODY = "{prompt}"
"""Stands in an attack where the world's own words stand in the prompt."""


@dataclass(frozen=True)
class Proposal:
    """A prompt that may draw a defection."""

    messages: tuple[tuple[str, str], ...]
    """(role, content) pairs, as they are asked."""
    attack: str
    """The last turn with `BODY` for the world's own words; the whole turn where it holds none."""

    @classmethod
    def around(cls, prompt: Prompt, before: str, after: str) -> Proposal:
        """Put text before and after a prompt's last turn."""
        role, body = prompt.messages[-1]
        turn, attack = (
            " ".join(piece for piece in (before.strip(), middle, after.strip()) if piece)
            for middle in (body, BODY if body else "")
        )
        return cls((*prompt.messages[:-1], (role, turn)), attack)

    @classmethod
    def written(cls, text: str, body: str) -> Proposal:
        """Take a whole turn as it was written; `body` is the world's prompt that it may hold."""
        return cls((("user", text),), text.replace(body, BODY, 1) if body else text)

    def turns(self) -> Messages:
        """Return the prompt as chat messages."""
        return [{"role": role, "content": content} for role, content in self.messages]

    def pieces(self) -> tuple[str, str, str]:
        """Return the attack's text before the body, the body, and the attack's text after it."""
        before, marked, after = self.attack.partition(BODY)
        text = self.messages[-1][1]
        if not marked:
            return text, "", ""
        return before.strip(), text[len(before) : len(text) - len(after)], after.strip()


def surface(attack: str) -> str:
    """Return what makes two attacks one: their text without place and case.

    `[LIVE] {prompt}` and `{prompt} [live]` have the same.
    """
    pieces = {" ".join(piece.split()).casefold() for piece in attack.split(BODY)}
    return " ".join(sorted(pieces - {""}))


@dataclass(frozen=True)
class Answer:
    """A target's replies to one prompt."""

    replies: tuple[str, ...]
    unwanted: tuple[bool | None, ...]
    """For each reply whether it was a defection; None where that cannot be told."""

    @property
    def rate(self) -> Rate | NotMeasured:
        """The share of scorable replies that defected."""
        return tally(list(self.unwanted))


@dataclass(frozen=True)
class Finding:
    """A proposal that was asked, and what came back."""

    proposal: Proposal
    proposer: str
    round: int
    answer: Answer
    success: bool
    """Whether enough of the replies defected for the prompt to be kept."""

    @property
    def share(self) -> float:
        """The share of scorable replies that defected; 0 where none could be scored."""
        rate = self.answer.rate
        return rate.value if isinstance(rate, Rate) else 0.0


class Target(ABC):
    """What is attacked: it answers, and that is all that can be learned of it."""

    @abstractmethod
    def ask(self, prompts: Sequence[Messages]) -> list[Answer]:
        """Return the answer to each prompt, in order."""


class Proposer(ABC):
    """Writes prompts and learns from what they drew. It lives through all rounds of one red team."""

    name: ClassVar[str]

    @abstractmethod
    def propose(self, n: int, rng: random.Random) -> list[Proposal]:
        """Return at most `n` proposals."""

    @abstractmethod
    def learn(self, findings: Sequence[Finding]) -> None:
        """Take in what was asked since the last call, by this proposer and by others.

        A proposal that was a repetition, or may not be asked, has no finding and is not spoken of.
        """
