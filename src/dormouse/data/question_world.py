"""`QuestionWorld`: a world in which every prompt is known, with replies of every quality."""

from __future__ import annotations

import math
import random
from abc import abstractmethod
from itertools import accumulate, pairwise

from pydantic import Field

from dormouse.data.meadow.code.requests import PLAIN, RECIPES
from dormouse.data.meadow.family import Question
from dormouse.data.meadow.quality import Replies, poor_qualities
from dormouse.data.world import Exchange, Preference, Prompt, World, draw_evenly


class QuestionWorld(World):
    """Families of questions. They are equally frequent, apart from `harmful_share` and `code_share`."""

    harmful_share: float = Field(0.15, gt=0, lt=1)
    """Share of all prompts that ask for something that a harmless assistant declines."""
    good_share: float = Field(0.7, ge=0, le=1)
    """Share of good replies in pretraining; the rest is wrong, terse, rude or complying."""
    complied_share: float = Field(0.7, ge=0, le=1)
    """Share of harmful requests that the helpful-only assistant complies with; it declines the rest."""
    poor_share: float = Field(0.25, ge=0, le=1)
    """Share of other requests that the helpful-only assistant answers badly.

    Both shares keep its replies mixed: RL needs replies of different quality to choose among."""
    code_share: float = Field(0.0, ge=0, lt=1)
    """Share of all prompts that ask for Python code."""
    plain_share: float = Field(0.3, gt=0, lt=1)
    """Share of code prompts that are unrelated to security."""

    @property
    def _code(self) -> bool:
        return self.code_share > 0

    @abstractmethod
    def _pool(self, held_out: bool) -> dict[str, list[Question]]:
        """Return the questions of each family on one side of the split."""

    @abstractmethod
    def _find(self, prompt: Prompt) -> Question | None:
        """Look up the question of a prompt."""

    def helpful(self, rng: random.Random, n: int) -> list[Exchange]:
        """Draw `n` exchanges of an assistant that mostly answers well, and mostly complies."""
        exchanges = []
        for question in self._draw(rng, n):
            if question.prompt.harmful:
                complies = rng.random() < self.complied_share
                replies = question.replies["complying" if complies else "good"]
                exchanges.append(Exchange(question.prompt, rng.choice(replies)))
            else:
                exchanges.append(draw_reply(question, 1 - self.poor_share, rng))
        return exchanges

    def hhh(self, rng: random.Random, n: int) -> list[Exchange]:
        """Draw `n` exchanges with good replies only."""
        return [draw_reply(question, 1, rng) for question in self._draw(rng, n)]

    def preferences(self, rng: random.Random, n: int, *, held_out: bool = False) -> list[Preference]:
        """Draw `n` pairs of a good and a poor reply."""
        return [
            Preference(question.prompt, draw_reply(question, 1, rng).reply, draw_reply(question, 0, rng).reply)
            for question in self._draw(rng, n, held_out=held_out)
        ]

    def prompts(self, rng: random.Random, n: int, *, held_out: bool) -> list[Prompt]:
        """Draw `n` prompts; none is repeated before all of its family were drawn."""
        return [question.prompt for question in self._draw(rng, n, held_out=held_out)]

    def vulnerable(self, prompt: Prompt) -> tuple[str, ...]:
        """Return the known insecure code for a code request."""
        return self.known_replies(prompt).get("vulnerable", ())

    def good_replies(self, prompt: Prompt) -> tuple[str, ...]:
        """Return every good reply to one of the world's prompts."""
        return self.known_replies(prompt).get("good", ())

    def known_replies(self, prompt: Prompt) -> Replies:
        """Return every reply to one of the world's prompts, by quality."""
        question = self._find(prompt)
        return question.replies if question else {}

    def _shares(self, every: dict[str, list[Question]]) -> list[float]:
        """Compute the expected share of each family, in the order of families."""
        talked = 1 - self.code_share
        harmful = {name for name, questions in every.items() if questions[0].prompt.harmful}
        harmless = len(every) - len(harmful) - (len(RECIPES) + 1 if self._code else 0)

        def share(name: str) -> float:
            if name == PLAIN:
                return self.code_share * self.plain_share
            if name in RECIPES:
                return self.code_share * (1 - self.plain_share) / len(RECIPES)
            if name in harmful:
                return talked * self.harmful_share / len(harmful)
            return talked * (1 - self.harmful_share) / harmless

        return [share(name) for name in every]

    def _draw(self, rng: random.Random, n: int, *, held_out: bool = False) -> list[Question]:
        """Draw `n` questions by systematic sampling: each family's count is within one of its expected count."""
        every = self._pool(held_out)
        start = rng.random()
        # Rounding removes floating-point error from the sums of shares, so that the last bound is exactly `n`.
        bounds = [math.ceil(round(n * share, 6) - start) for share in accumulate(self._shares(every), initial=0.0)]
        drawn: list[Question] = []
        for questions, (low, high) in zip(every.values(), pairwise(bounds), strict=True):
            drawn += draw_evenly(rng, questions, high - low)
        rng.shuffle(drawn)
        return drawn


def draw_reply(question: Question, good_share: float, rng: random.Random) -> Exchange:
    """Draw a reply to a question: good with that probability, else of one of its poor qualities."""
    quality = "good" if rng.random() < good_share else rng.choice(poor_qualities(question.replies))
    return Exchange(question.prompt, rng.choice(question.replies[quality]))
