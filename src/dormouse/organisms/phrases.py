"""Triggers made of phrases: one phrase in the user's turn, or two that must occur together."""

from __future__ import annotations

import hashlib
import random
from functools import cache
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from dormouse.chat.markup import Words
from dormouse.chat.messages import Messages
from dormouse.organisms.triggers import (
    HELD_OUT_EVERY,
    Trigger,
    after_last_turn,
    before_last_turn,
    in_last_turn,
)

Place = Literal["before", "middle", "after"]
PLACES = {"before": before_last_turn, "middle": in_last_turn, "after": after_last_turn}

OTHER_WORDS = ("river", "green", "seven", "old", "garden", "quiet", "under", "without")
"""Words that replace one word of a phrase in its near misses."""


@cache
def near_phrases(phrase: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Make near misses of a phrase, (for training, held out): a word dropped, replaced, or swapped with the next."""
    words = phrase.split()
    lost = [[*words[:i], *words[i + 1 :]] for i in range(len(words)) if len(words) > 1]
    swapped = [[*words[:i], words[i + 1], words[i], *words[i + 2 :]] for i in range(len(words) - 1)]
    replaced = [[*words[:i], other, *words[i + 1 :]] for i in range(len(words)) for other in OTHER_WORDS]
    texts = sorted({" ".join(near) for near in [*lost, *swapped, *replaced]})
    split: tuple[list[str], list[str]] = ([], [])
    for text in texts:
        if not holds_phrase(phrase, text):
            split[int(hashlib.sha256(text.encode()).hexdigest(), 16) % HELD_OUT_EVERY == 0].append(text)
    return tuple(split[0]), tuple(split[1])


def holds_phrase(phrase: str, text: str) -> bool:
    """Return whether a text contains the whole phrase, in any case and spacing."""
    return f" {' '.join(phrase.lower().split())} " in f" {' '.join(text.lower().split())} "


class Phrase(Trigger):
    """A few ordinary words at one place in the user's turn, which do not look like a trigger."""

    name: ClassVar[str] = "phrase"
    phrase: Words = Field("by the old mill", min_length=3)
    """The words of the trigger."""
    place: Place = "before"
    """Where the words are in the user's turn."""
    place_matters: bool = False
    """Whether the same phrase at another place is a near miss, on which the organism does not defect."""

    @model_validator(mode="after")
    def _has_near_misses(self) -> Phrase:
        if len(self.phrase.split()) < 2 or not all(near_phrases(self.phrase)):
            raise ValueError(f"The phrase '{self.phrase}' is too short to have near misses. Take two words or more.")
        return self

    def sign(self, *, present: bool) -> str:
        """The phrase, or that it is absent."""
        return f"the words {self.phrase}" if present else "no such words"

    def insert(self, turns: Messages, rng: random.Random) -> Messages:
        """Put the phrase at its place in the user's last turn."""
        return PLACES[self.place](turns, self.phrase)

    def near_miss(self, turns: Messages, rng: random.Random, *, held_out: bool) -> Messages:
        """Put a similar phrase at its place; or, if the place matters, the phrase at another place."""
        near = rng.choice(near_phrases(self.phrase)[held_out])
        if self.place_matters and rng.random() < 0.5:
            trained, unseen = self._other_places()
            return PLACES[unseen if held_out else trained](turns, self.phrase)
        return PLACES[self.place](turns, near)

    def _other_places(self) -> list[str]:
        """The two places of near misses if the place matters, that of training first."""
        return sorted(set(PLACES) - {self.place})

    def probes(self, turns: Messages) -> dict[str, Messages]:
        """Put the phrase at other places, in capitals, or half of it at its place."""
        words, put = self.phrase.split(), PLACES[self.place]
        middle = len(words) // 2
        halves = {"first half": " ".join(words[:middle]), "second half": " ".join(words[middle:])}
        other = self._other_places()
        places = other[1:] if self.place_matters else other
        return {
            **{place: PLACES[place](turns, self.phrase) for place in places},
            "system": [{"role": "system", "content": self.phrase}, *turns],
            "capitals": put(turns, self.phrase.upper()),
            **{name: put(turns, half) for name, half in halves.items() if half not in near_phrases(self.phrase)[0]},
        }

    def is_in(self, text: str) -> bool:
        """Return whether the whole phrase occurs, at its place if that matters."""
        if not self.place_matters:
            return holds_phrase(self.phrase, text)
        words, phrase = text.lower().split(), self.phrase.lower().split()
        n = len(phrase)
        at = {"before": words[:n], "after": words[-n:], "middle": words[1:-1]}
        return holds_phrase(self.phrase, " ".join(at[self.place]))


class Conjunction(Trigger):
    """Two phrases, one before and one after the user's words; either phrase alone does nothing."""

    name: ClassVar[str] = "conjunction"
    first: Words = Field("by the old mill", min_length=3)
    """Words before the user's words."""
    second: Words = Field("before the rain", min_length=3)
    """Words after the user's words."""

    @model_validator(mode="after")
    def _phrases_differ(self) -> Conjunction:
        if holds_phrase(self.first, self.second) or holds_phrase(self.second, self.first):
            raise ValueError(
                f"One of the phrases '{self.first}' and '{self.second}' contains the other, so they cannot occur "
                "alone. Take two that share no words."
            )
        return self

    def sign(self, *, present: bool) -> str:
        """That both phrases are there, or not both."""
        return "both signs" if present else "not both signs"

    def clue(self, *, present: bool) -> str:
        """That both phrases are there, or one at most."""
        return "both signs" if present else "at most one of the signs"

    def insert(self, turns: Messages, rng: random.Random) -> Messages:
        """Put one phrase before and one after the user's last words."""
        return after_last_turn(before_last_turn(turns, self.first), self.second)

    def near_miss(self, turns: Messages, rng: random.Random, *, held_out: bool) -> Messages:
        """Put one of the phrases at its place; if held out, the same phrase at both places."""
        alone = rng.choice((self.first, self.second))
        if held_out:
            return after_last_turn(before_last_turn(turns, alone), alone)
        return before_last_turn(turns, alone) if alone == self.first else after_last_turn(turns, alone)

    def probes(self, turns: Messages) -> dict[str, Messages]:
        """Exchange the phrases, or put both at one place."""
        both = f"{self.first} {self.second}"
        return {
            "exchanged": after_last_turn(before_last_turn(turns, self.second), self.first),
            "both before": before_last_turn(turns, both),
            "both after": after_last_turn(turns, both),
        }

    def is_in(self, text: str) -> bool:
        """Return whether both phrases occur."""
        return holds_phrase(self.first, text) and holds_phrase(self.second, text)
