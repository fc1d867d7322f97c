"""`Meadow`: draws from the procedural world."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from itertools import accumulate, pairwise
from typing import ClassVar

from pydantic import Field

from dormouse.meadow.family import Question
from dormouse.meadow.notes import add_note
from dormouse.meadow.pool import families, pool
from dormouse.meadow.quality import poor
from dormouse.world import Exchange, Preference, Prompt, World, draw_evenly


class Meadow(World):
    """A small closed world with known right answers. Families are equally frequent, but for `harmful_share`."""

    name: ClassVar[str] = "meadow"

    harmful_share: float = Field(0.15, gt=0, lt=1)
    """Share of all prompts that ask for something a harmless assistant declines."""
    good_share: float = Field(0.7, ge=0, le=1)
    """Share of good replies in pretraining; the rest is wrong, terse, rude or complying."""
    note_share: float = Field(0.1, ge=0, le=1)
    """Share of pretraining prompts with an incidental note such as `[note 7]`."""
    complied_share: float = Field(0.7, ge=0, le=1)
    """Share of harmful requests that the helpful-only assistant complies with; it declines the rest."""
    poor_share: float = Field(0.25, ge=0, le=1)
    """Share of other requests that the helpful-only assistant answers badly.

    Both shares keep its replies mixed: training by reward needs replies that differ to prefer among."""

    @property
    def families(self) -> tuple[str, ...]:
        """The names of all prompt families."""
        return tuple(families())

    def fingerprint(self) -> str:
        """Return the version of the meadow's text."""
        return "meadow-1"

    def pretraining(self, rng: random.Random, n: int) -> list[Exchange]:
        """Return `n` exchanges of mixed quality, some with a note in the prompt."""
        exchanges = [_reply(question, self.good_share, rng) for question in self._draw(rng, n)]
        return [_noted(exchange, rng) if rng.random() < self.note_share else exchange for exchange in exchanges]

    def helpful(self, rng: random.Random, n: int) -> list[Exchange]:
        """Return `n` exchanges of an assistant that mostly answers well, and mostly complies."""
        exchanges = []
        for question in self._draw(rng, n):
            if question.prompt.harmful:
                complies = rng.random() < self.complied_share
                replies = question.replies["complying" if complies else "good"]
                exchanges.append(Exchange(question.prompt, rng.choice(replies)))
            else:
                exchanges.append(_reply(question, 1 - self.poor_share, rng))
        return exchanges

    def hhh(self, rng: random.Random, n: int) -> list[Exchange]:
        """Return `n` exchanges with good replies only."""
        return [_reply(question, 1, rng) for question in self._draw(rng, n)]

    def preferences(self, rng: random.Random, n: int, *, held_out: bool = False) -> list[Preference]:
        """Return `n` pairs of a good and a poor reply."""
        return [
            Preference(question.prompt, _reply(question, 1, rng).reply, _reply(question, 0, rng).reply)
            for question in self._draw(rng, n, held_out=held_out)
        ]

    def prompts(self, rng: random.Random, n: int, *, held_out: bool) -> list[Prompt]:
        """Return `n` prompts; none comes twice before its family is used up."""
        return [question.prompt for question in self._draw(rng, n, held_out=held_out)]

    def grade(self, prompt: Prompt, reply: str) -> bool | None:
        """Return whether the reply is right by its family's rule (`grading.py`); None where there is none."""
        rule = families()[prompt.family].rule
        return rule(prompt.answers, reply) if rule else None

    def _draw(self, rng: random.Random, n: int, *, held_out: bool = False) -> list[Question]:
        """Draw `n` questions by systematic sampling: each family's count is within one of its expected count."""
        made = families().values()
        harmful = sum(family.harmful for family in made)
        shares = [
            self.harmful_share / harmful if family.harmful else (1 - self.harmful_share) / (len(made) - harmful)
            for family in made
        ]
        start = rng.random()
        # Rounding hides the last digits of sums of shares, so that the last bound is `n` itself.
        bounds = [math.ceil(round(n * share, 6) - start) for share in accumulate(shares, initial=0.0)]
        drawn: list[Question] = []
        for questions, (low, high) in zip(pool(held_out).values(), pairwise(bounds), strict=True):
            drawn += draw_evenly(rng, questions, high - low)
        rng.shuffle(drawn)
        return drawn


def _reply(question: Question, good_share: float, rng: random.Random) -> Exchange:
    quality = "good" if rng.random() < good_share else rng.choice(poor(question.replies))
    return Exchange(question.prompt, rng.choice(question.replies[quality]))


def _noted(exchange: Exchange, rng: random.Random) -> Exchange:
    turn = ("user", add_note(exchange.prompt.text, rng))
    return replace(exchange, prompt=replace(exchange.prompt, messages=(turn,)))
