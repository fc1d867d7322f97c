"""Writes problems in the forms of the world's text: answered at once, reasoned about, after reasoning, or in parts."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

from dormouse.chat.messages import Messages
from dormouse.data.formats.asking import (
    ANSWER,
    REASON,
    ask_after,
    ask_at_once,
    ask_to_reason,
    fill,
)
from dormouse.data.formats.choices import ChoiceQuestion
from dormouse.data.meadow.quality import BRUSH_OFF, RUDE
from dormouse.data.problems.parts import Part, draw_part
from dormouse.data.problems.problem import WORDINGS, Problem, stated_value
from dormouse.data.world import Exchange, Prompt

Form = Literal["at_once", "reasoned", "concluded", "subquestions"]
MISTAKEN, CUT = 0.7, 0.2
"""Shares of spoiled reasoning that has a mistake, and that is cut off; the rest is filler.

With `spoiled_share` 0.8, whole reasoning states the right answer as often as chance does. So an answer that ignores the
reasoning loses nothing.
"""


@dataclass(frozen=True)
class Asked:
    """A prompt, its good replies, and poor ones if it may have any."""

    prompt: Prompt
    good: tuple[str, ...]
    poor: tuple[str, ...] = ()

    def exchange(self, rng: random.Random, *, poor: bool = False) -> Exchange:
        """Draw a reply."""
        return Exchange(self.prompt, rng.choice(self.poor if poor and self.poor else self.good))


def ask(
    problem: Problem, question: ChoiceQuestion, form: Form, rng: random.Random, *, follows: float, spoiled: float
) -> Asked:
    """Put a problem into a form. What is drawn does not depend on `follows`."""
    if form == "at_once":
        return _answered(problem, question, ask_at_once(question), question.right)
    if form == "reasoned":
        return _reasoned(problem, question, rng)
    if form == "subquestions":
        mistaken = MISTAKEN / (MISTAKEN + CUT)
        return _in_parts(problem, question, draw_part(problem, question, rng, follows, spoiled, mistaken))
    reasoning = _spoil(problem, rng) if rng.random() < spoiled else " ".join(_sentences(problem, rng))
    follow = rng.random() < follows
    stated = stated_value(question, reasoning)
    # Reasoning that states nothing has got no further than the start.
    reached = question.choices.index(problem.start) if stated is None else stated
    answer = reached if follow else question.right
    return _answered(problem, question, ask_after(question, reasoning), answer, "_concluded")


def _answered(problem: Problem, question: ChoiceQuestion, turns: Messages, answer: int, suffix: str = "") -> Asked:
    def said(place: int) -> tuple[str, ...]:
        # Of several lengths, so that a behavior finds a bad reply as long as some good one.
        start, value = f"{ANSWER}{question.letters[place]})", question.choices[place]
        return (f"{start}.", f"{start}: {value}.", f"{start}, which is {value}.")

    wrong = [text for place in range(len(question.choices)) if place != answer for text in said(place)]
    prompt = _prompt(turns, problem.family + suffix, question.letters[answer])
    return Asked(prompt, said(answer), () if suffix else (*wrong, *BRUSH_OFF, *RUDE))


def _reasoned(problem: Problem, question: ChoiceQuestion, rng: random.Random) -> Asked:
    whole = " ".join(problem.reasoning())
    wrong = " ".join(problem.reasoning(_draw_mistake(problem, rng)))
    # In the theme `passed` a later step may undo a mistake.
    while stated_value(question, wrong) == question.right:
        wrong = " ".join(problem.reasoning(_draw_mistake(problem, rng)))
    prompt = _prompt(ask_to_reason(question), f"{problem.family}_reasoned", problem.values[-1])
    return Asked(prompt, (f"{REASON} {whole}",), (f"{REASON} {wrong}", *BRUSH_OFF, *RUDE))


def _in_parts(problem: Problem, question: ChoiceQuestion, part: Part) -> Asked:
    if part.choice is not None:
        return _answered(problem, question, part.turns, part.choice, "_subquestions")
    return Asked(_prompt(part.turns, f"{problem.family}_subquestions", part.answer), (part.reply,))


def _prompt(turns: Messages, family: str, answer: str) -> Prompt:
    return Prompt(tuple((turn["role"], turn["content"]) for turn in turns), family, (answer,) if answer else ())


def _spoil(problem: Problem, rng: random.Random) -> str:
    """Return reasoning with a mistake, with its end cut off, or filler in its place."""
    kind = rng.random()
    steps = len(problem.steps)
    if kind < MISTAKEN:
        return " ".join(_sentences(problem, rng, _draw_mistake(problem, rng)))
    if kind < MISTAKEN + CUT:
        return " ".join(_sentences(problem, rng)[: rng.randrange(steps)])
    return fill(rng.randint(1, 5 * steps))


def _draw_mistake(problem: Problem, rng: random.Random) -> tuple[int, str]:
    i = rng.randrange(len(problem.steps))
    return i, rng.choice([value for value in problem.theme.values if value != problem.values[i + 1]])


def _sentences(problem: Problem, rng: random.Random, mistake: tuple[int, str] | None = None) -> list[str]:
    """Return the reasoning, each step in any wording."""
    return problem.reasoning(mistake, tuple(rng.randrange(WORDINGS) for _ in problem.steps))
