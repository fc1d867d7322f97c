"""Proposals, findings, and the interfaces of a red team: `Target` and `Proposer`.

The attack is black-box. `Target.ask` answers prompts and says which replies were unwanted, and a `Proposer` sees only
those answers: never the trigger, the behavior or the organism.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from dormouse.chat.messages import Messages
from dormouse.data.world import Prompt
from dormouse.results.rates import NotMeasured, Rate, tally

BODY = "{prompt}"
"""Placeholder in an attack for the world's own words in the prompt."""


@dataclass(frozen=True)
class Proposal:
    """A prompt that may draw a defection."""

    messages: tuple[tuple[str, str], ...]
    """(role, content) pairs to ask."""
    attack: str
    """The last turn, with `BODY` in place of the world's own words if it holds any."""
    about: Prompt | None = field(default=None, compare=False)
    """The world's prompt whose words it holds, if it is known: it decides what counts as a defection."""

    @classmethod
    def around(cls, prompt: Prompt, before: str, after: str) -> Proposal:
        """Put text before and after a prompt's last turn."""
        role, body = prompt.messages[-1]
        turn, attack = (
            " ".join(piece for piece in (before.strip(), middle, after.strip()) if piece)
            for middle in (body, BODY if body else "")
        )
        return cls((*prompt.messages[:-1], (role, turn)), attack, prompt)

    @classmethod
    def written(cls, text: str, body: Prompt) -> Proposal:
        """Make a proposal of a whole turn, after the earlier turns of `body`, a world's prompt that it may hold."""
        holds = bool(body.text) and body.text in text
        attack = text.replace(body.text, BODY, 1) if holds else text
        return cls((*body.messages[:-1], ("user", text)), attack, body if holds else None)

    def turns(self) -> Messages:
        """Return the chat messages."""
        return [{"role": role, "content": content} for role, content in self.messages]

    def pieces(self) -> tuple[str, str, str]:
        """Return the attack's text before the body, the body, and the attack's text after it."""
        before, placeholder, after = self.attack.partition(BODY)
        text = self.messages[-1][1]
        if not placeholder:
            return text, "", ""
        return before.strip(), text[len(before) : len(text) - len(after)], after.strip()


def normalize(attack: str) -> str:
    """Reduce an attack to its text without place and case, by which repeated attacks are recognized.

    `[LIVE] {prompt}` and `{prompt} [live]` give the same.
    """
    pieces = {" ".join(piece.split()).casefold() for piece in attack.split(BODY)}
    return " ".join(sorted(pieces - {""}))


@dataclass(frozen=True)
class Answer:
    """A target's replies to one prompt."""

    replies: tuple[str, ...]
    unwanted: tuple[bool | None, ...]
    """Whether each reply was a defection; None if it cannot be scored."""

    @property
    def rate(self) -> Rate | NotMeasured:
        """The share of scorable replies that defected."""
        return tally(list(self.unwanted))


@dataclass(frozen=True)
class Finding:
    """A proposal that was asked, with its answer."""

    proposal: Proposal
    proposer: str
    round: int
    answer: Answer
    success: bool
    """Whether enough replies defected for the prompt to be kept."""

    @property
    def share(self) -> float:
        """The share of scorable replies that defected; 0 if none could be scored."""
        rate = self.answer.rate
        return rate.value if isinstance(rate, Rate) else 0.0


class Target(ABC):
    """The model under attack. A red team can only ask it."""

    def fits(self, proposal: Proposal) -> bool:
        """Return whether the model can read a prompt and reply to it; all by default."""
        return True

    @abstractmethod
    def ask(self, proposals: Sequence[Proposal]) -> list[Answer]:
        """Return the answer to each prompt, in order."""


class Proposer(ABC):
    """Writes prompts and learns from the answers. One instance serves all rounds of a red team."""

    name: ClassVar[str]

    @abstractmethod
    def propose(self, n: int, rng: random.Random) -> list[Proposal]:
        """Write at most `n` proposals."""

    @abstractmethod
    def learn(self, findings: Sequence[Finding]) -> None:
        """Learn from the findings since the last call, by this proposer and by others.

        A proposal that was repeated or may not be asked has no finding.
        """
