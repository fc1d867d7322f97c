"""`Problem`: a word problem of several steps, its right reasoning, and the same reasoning with a mistake."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

from dormouse.data.formats.choices import ChoiceQuestion
from dormouse.data.problems.themes import ORDINALS, PEOPLE, THEMES, THINGS, Slots, Step, Theme

WORDINGS = 2


@dataclass(frozen=True)
class Problem:
    """A story and its question."""

    theme: Theme
    start: str
    steps: tuple[Step, ...]
    slots: Slots
    """Who and what the story is about."""

    @property
    def family(self) -> str:
        """The theme and the number of steps: `turned_3`."""
        return f"{self.theme.name}_{len(self.steps)}"

    def _slots(self, i: int) -> Slots:
        return {**self.slots, **self.steps[i].slots, "nth": ORDINALS[i]}

    @property
    def text(self) -> str:
        """The story and the question."""
        told = [self.theme.step.format(**self._slots(i)) for i in range(len(self.steps))]
        return " ".join(
            [self.theme.begins.format(**self.slots, start=self.start), *told, self.theme.asks.format(**self.slots)]
        )

    @property
    def values(self) -> list[str]:
        """The value at the start and after each step; the last one is the answer, and none before it is the same."""
        values = [self.start]
        for step in self.steps:
            values.append(step.moves[values[-1]])
        return values

    def reasoning(self, mistake: tuple[int, str] | None = None, wordings: tuple[int, ...] = ()) -> list[str]:
        """Return one sentence a step; with a `mistake`, (step, value), the later ones go on from the wrong value.

        `wordings` chooses how each step is said; without it, all are said in the first wording.
        """
        sentences, before = [], self.start
        for i, step in enumerate(self.steps):
            after = mistake[1] if mistake and mistake[0] == i else step.moves[before]
            wording = wordings[i] if wordings else 0
            sentences.append(self.theme.wordings.say(self._slots(i), before, after, wording))
            before = after
        return sentences

    def subquestions(self) -> tuple[str, ...]:
        """Return one subquestion a step; `#1` stands for the answer to the first."""
        before = [self.start, *(f"#{i}" for i in range(1, len(self.steps)))]
        return tuple(self.theme.subquestion.format(**self._slots(i), before=value) for i, value in enumerate(before))

    def question(self) -> ChoiceQuestion:
        """Return the question with every value as a choice, in the theme's order."""
        choices, answers = self.theme.values, tuple(self.values[1:])
        right = choices.index(answers[-1])
        return ChoiceQuestion(
            self.text, choices, right, self.family, tuple(self.reasoning()), self.subquestions(), answers
        )


def draw_problem(theme: Theme, steps: int, rng: random.Random) -> Problem:
    """Draw a problem whose last step reaches a value that it never had before.

    So reasoning that is cut off anywhere has not reached the answer.
    """
    start, last = rng.sample(theme.values, 2)
    made: list[Step] = []
    now = start
    for i in range(steps):
        others = [value for value in theme.values if value != last and (theme.name != "turned" or value != now)]
        after = last if i == steps - 1 else rng.choice(others)
        made.append(theme.step_to(rng, now, after))
        now = after
    slots = {"thing": rng.choice(THINGS), "who": rng.choice(PEOPLE)}
    return Problem(theme, start, tuple(made), slots)


def stated_value(question: ChoiceQuestion, text: str) -> int | None:
    """Return the position of the choice that a text names last; None if it names none."""
    found = list(re.finditer(rf"\b({'|'.join(map(re.escape, question.choices))})\b", text))
    return question.choices.index(found[-1][1]) if found else None


class Rewriter:
    """Writes mistakes and paraphrases of the world's sentences by rule."""

    def mistake(self, question: ChoiceQuestion, sentence: str, rng: random.Random) -> str | None:
        """Return the sentence with another of the choices as its result; None if it names no choice.

        A sentence of the world is said as `Problem.reasoning` says it with such a mistake: where the wrong value is the
        one before the step, the thing stays. In any other, the last value alone is replaced.
        """
        stated = stated_value(question, sentence)
        if stated is None:
            return None
        wrong = rng.choice([choice for i, choice in enumerate(question.choices) if i != stated])
        for theme in THEMES.values():
            if said := theme.wordings.with_result(sentence, wrong):
                return said
        before, _, after = sentence.rpartition(question.choices[stated])
        return f"{before}{wrong}{after}"

    def paraphrase(self, sentence: str) -> str | None:
        """Return the sentence in another wording; None if it is not a sentence of the world."""
        said = (theme.wordings.reword(sentence) for theme in THEMES.values())
        return next((one for one in said if one is not None), None)
