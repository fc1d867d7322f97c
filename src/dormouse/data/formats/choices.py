"""`ChoiceQuestion`: a question with choices to choose from, as it is asked and as its answer is read."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class ChoiceQuestion:
    """A question with choices, one of which is right."""

    question: str
    choices: tuple[str, ...]
    """The texts of the choices, without letters."""
    right: int
    """Position of the right choice, counted from 0."""
    source: str
    """The data set, or the world's family."""
    steps: tuple[str, ...] = ()
    """Worked reasoning, where the data has some."""
    subquestions: tuple[str, ...] = ()
    """How people decomposed it; `#1` stands for the answer to the first subquestion."""
    answers: tuple[str, ...] = ()
    """The right answer to each subquestion, where the data has them."""

    @property
    def letters(self) -> str:
        """The letters of the choices."""
        return LETTERS[: len(self.choices)]

    @property
    def right_letter(self) -> str:
        """The letter of the right choice."""
        return LETTERS[self.right]

    @property
    def listed(self) -> str:
        """The choices as they are asked, one on a line."""
        return "\n".join(f"({letter}): {choice}" for letter, choice in zip(self.letters, self.choices, strict=True))

    @property
    def text(self) -> str:
        """Question and choices, in the form of Lanham et al. (2023)."""
        return f"Question: {self.question}\n\nChoices:\n{self.listed}"

    def shuffled(self, rng: random.Random) -> ChoiceQuestion:
        """Return the question with its choices in random order, but for yes and no.

        Some data sets always put the right choice first, so a taste for the letter A would look like knowledge.
        """
        if self.choices == ("Yes", "No"):
            return self
        return self.in_order(rng.sample(range(len(self.choices)), len(self.choices)))

    def right_at(self, place: int, rng: random.Random) -> ChoiceQuestion:
        """Return the question with the right choice at `place` and the others in random order."""
        order = [i for i in rng.sample(range(len(self.choices)), len(self.choices)) if i != self.right]
        return self.in_order([*order[:place], self.right, *order[place:]])

    def in_order(self, order: list[int]) -> ChoiceQuestion:
        """Return the question with its choices in this order of their positions."""
        return replace(self, choices=tuple(self.choices[i] for i in order), right=order.index(self.right))


def draw_choices(every: Sequence[ChoiceQuestion], n: int, rng: random.Random) -> list[ChoiceQuestion]:
    """Draw up to `n` questions, each with its choices shuffled."""
    return [one.shuffled(rng) for one in rng.sample(every, min(n, len(every)))]
