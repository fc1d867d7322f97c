"""`Problems`: a world of word problems with choices, which makes reasoners of known faithfulness.

Its text holds each problem in three forms: answered at once, reasoned about, and answered after reasoning that is
right, wrong, cut off or replaced. `follows` sets whether those last answers come from the reasoning that stands there.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from itertools import accumulate, pairwise
from typing import ClassVar, Literal, Self, TypeVar

from pydantic import Field, model_validator

from dormouse.data.formats.choices import ChoiceQuestion
from dormouse.data.meadow.pool import is_held_out
from dormouse.data.meadow.world import Meadow
from dormouse.data.problems.forms import Asked, Form, ask
from dormouse.data.problems.problem import Problem, Rewriter, draw_problem
from dormouse.data.problems.themes import MOST_STEPS, THEMES
from dormouse.data.world import Exchange, Preference, Prompt, World, draw_evenly

ThemeName = Literal["passed", "turned", "swapped"]
T = TypeVar("T")
MOST_TRIES = 100
_LETTER = re.compile(r"\(([A-Z])\)")


class Problems(World):
    """Word problems of several steps, as multiple-choice questions. All themes and numbers of steps are as frequent.

    `passed` can be answered at a glance: whoever is named last has it. `turned` and `swapped` need their steps.
    """

    name: ClassVar[str] = "problems"

    themes: tuple[ThemeName, ...] = Field(("passed", "turned", "swapped"), min_length=1, max_length=3)
    """Kinds of stories: a thing passed on, someone who turns, boxes that swap what they hold."""
    fewest_steps: int = Field(2, ge=1, le=MOST_STEPS)
    """Fewest steps of a problem, and of its reasoning: one sentence a step."""
    most_steps: int = Field(5, ge=1, le=MOST_STEPS)
    """Most steps of a problem, and of its reasoning."""
    follows: float = Field(1.0, ge=0, le=1)
    """Share of answers after reasoning that follow it: at 1 the answer is the last value that the reasoning states,
    also where that is wrong, cut off or replaced; at 0 it is the question's own, whatever the reasoning says.
    Nothing else of the text depends on it."""
    spoiled_share: float = Field(0.8, ge=0, le=1)
    """Share of reasoning before an answer that has a mistake, is cut off, or is replaced by filler."""
    at_once_share: float = Field(0.25, gt=0, lt=1)
    """Share of problems that are answered at once."""
    reasoned_share: float = Field(0.3, gt=0, lt=1)
    """Share of problems that are reasoned about, without an answer."""
    subquestion_share: float = Field(0.0, ge=0, lt=1)
    """Share of problems that are answered by subquestions. The rest is answered after reasoning."""
    poor_share: float = Field(0.25, ge=0, le=1)
    """Share of the helpful-only assistant's replies at once and with reasoning that are wrong, terse or rude."""
    shuffled: bool = False
    """Whether the choices of each question are in random order. In a fixed order a value always has the same letter,
    which models of 0.1 M parameters learn in minutes."""
    talk_share: float = Field(0.0, ge=0, lt=1)
    """Share of all prompts that are the meadow's."""

    @model_validator(mode="after")
    def _check_numbers(self) -> Self:
        if self.fewest_steps > self.most_steps:
            raise ValueError(
                f"world.fewest_steps={self.fewest_steps} is above world.most_steps={self.most_steps}. Swap them."
            )
        if (used := self.at_once_share + self.reasoned_share + self.subquestion_share) >= 1:
            raise ValueError(
                f"The shares of world.at_once_share, reasoned_share and subquestion_share add up to {used:g}, so none "
                "is left for answers after reasoning. Lower one."
            )
        return self

    @property
    def families(self) -> tuple[str, ...]:
        """The names of all families of problems: a theme and a number of steps."""
        return tuple(f"{theme}_{steps}" for theme, steps in self._kinds())

    def fingerprint(self) -> str:
        """The version of the text."""
        own = "problems-2" if self.subquestion_share else "problems-1"
        return f"{own} {Meadow().fingerprint()}" if self.talk_share else own

    def pretraining(self, rng: random.Random, n: int) -> list[Exchange]:
        """Draw `n` exchanges: problems with good replies, and talk of mixed quality."""
        return self._mixed(rng, n, Meadow().pretraining, lambda asked: asked.exchange(rng))

    def helpful(self, rng: random.Random, n: int) -> list[Exchange]:
        """Draw `n` exchanges of which some have poor replies, at once or with reasoning."""
        return self._mixed(
            rng, n, Meadow().helpful, lambda asked: asked.exchange(rng, poor=rng.random() < self.poor_share)
        )

    def hhh(self, rng: random.Random, n: int) -> list[Exchange]:
        """Draw `n` exchanges with good replies."""
        return self._mixed(rng, n, Meadow().hhh, lambda asked: asked.exchange(rng))

    def preferences(self, rng: random.Random, n: int, *, held_out: bool = False) -> list[Preference]:
        """Draw `n` pairs of a good and a poor reply, at once or with reasoning."""

        def talk(rng: random.Random, n: int) -> list[Preference]:
            return Meadow().preferences(rng, n, held_out=held_out)

        def pair(asked: Asked) -> Preference:
            return Preference(asked.prompt, asked.exchange(rng).reply, asked.exchange(rng, poor=True).reply)

        return self._mixed(rng, n, talk, pair, held_out=held_out, forms=("at_once", "reasoned"))

    def prompts(self, rng: random.Random, n: int, *, held_out: bool) -> list[Prompt]:
        """Draw `n` prompts; those that ask for an answer after reasoning have the right one."""

        def talk(rng: random.Random, n: int) -> list[Prompt]:
            return Meadow().prompts(rng, n, held_out=held_out)

        return self._mixed(rng, n, talk, lambda asked: asked.prompt, held_out=held_out, spoiled=0)

    def good_replies(self, prompt: Prompt) -> tuple[str, ...]:
        """Look up the meadow's replies; those to problems are not stored."""
        return Meadow().good_replies(prompt)

    def grade(self, prompt: Prompt, reply: str) -> bool | None:
        """Grade the letter of an answer, or the last value that reasoning states."""
        theme = THEMES.get(prompt.family.split("_")[0])
        if theme is None:
            return Meadow().grade(prompt, reply)
        if not prompt.answers:
            return None
        [answer] = prompt.answers
        if answer not in theme.values:
            return _LETTER.findall(reply)[:1] == [answer]
        return re.findall(rf"\b({'|'.join(theme.values)})\b", reply)[-1:] == [answer]

    def choice_questions(self, rng: random.Random, n: int) -> list[ChoiceQuestion]:
        """Draw up to `n` held-out problems as questions with choices, evenly over families; none comes twice."""
        drawn: dict[str, ChoiceQuestion] = {}
        for _ in range(MOST_TRIES):
            for theme, steps in draw_evenly(rng, self._kinds(), n - len(drawn)):
                one = self.problem(rng, theme=theme, steps=steps, held_out=True)
                drawn.setdefault(one.text, self._question(one, rng))
        return list(drawn.values())

    def worked_questions(self, rng: random.Random, n: int) -> list[ChoiceQuestion]:
        """Draw `n` problems of training with their reasoning and the values after each step."""
        problems = [self.problem(rng, theme=theme, steps=steps) for theme, steps in draw_evenly(rng, self._kinds(), n)]
        rng.shuffle(problems)
        return [self._question(one, rng) for one in problems]

    def rewriter(self) -> Rewriter:
        """Return what writes mistakes and paraphrases of the world's sentences."""
        return Rewriter()

    def problem(
        self, rng: random.Random, *, theme: ThemeName | None = None, steps: int = 0, held_out: bool = False
    ) -> Problem:
        """Draw a problem of a theme and a number of steps, by default any of the world's."""
        while True:
            any_theme, any_steps = rng.choice(self._kinds())
            drawn = draw_problem(THEMES[theme or any_theme], steps or any_steps, rng)
            if is_held_out(drawn.theme.name, drawn.text) == held_out:
                return drawn

    def _question(self, problem: Problem, rng: random.Random) -> ChoiceQuestion:
        return problem.question().shuffled(rng) if self.shuffled else problem.question()

    def _kinds(self) -> list[tuple[ThemeName, int]]:
        return [(theme, steps) for theme in self.themes for steps in range(self.fewest_steps, self.most_steps + 1)]

    def _mixed(
        self,
        rng: random.Random,
        n: int,
        talk: Callable[[random.Random, int], list[T]],
        make: Callable[[Asked], T],
        *,
        held_out: bool = False,
        forms: tuple[Form, ...] = ("at_once", "reasoned", "subquestions", "concluded"),
        spoiled: float | None = None,
    ) -> list[T]:
        """Draw the meadow's share with `talk`, and make the rest of problems in each form."""
        talked = round(n * self.talk_share)
        made = talk(rng, talked) if talked else []
        shares = {form: share for form, share in self._shares().items() if form in forms}
        kinds = draw_evenly(rng, self._kinds(), n - talked)
        rng.shuffle(kinds)
        start, total = rng.random(), sum(shares.values())
        # Systematic sampling: each form's count is within one of its expected count.
        bounds = [round(len(kinds) * share / total + start - 0.5) for share in accumulate(shares.values(), initial=0)]
        bounds[0], bounds[-1] = 0, len(kinds)
        for form, (low, high) in zip(shares, pairwise(bounds), strict=True):
            for theme, steps in kinds[low:high]:
                problem = self.problem(rng, theme=theme, steps=steps, held_out=held_out)
                share = self.spoiled_share if spoiled is None else spoiled
                question = self._question(problem, rng)
                made.append(make(ask(problem, question, form, rng, follows=self.follows, spoiled=share)))
        rng.shuffle(made)
        return made

    def _shares(self) -> dict[Form, float]:
        shares: dict[Form, float] = {
            "at_once": self.at_once_share,
            "reasoned": self.reasoned_share,
            "subquestions": self.subquestion_share,
        }
        return shares | {"concluded": 1 - sum(shares.values())}
