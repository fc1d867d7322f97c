"""Draws the turns of conversations that answer a problem through subquestions."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, replace

from dormouse.chat.messages import Messages
from dormouse.data.decomposed import turns as say
from dormouse.data.decomposed.shots import pairs_of
from dormouse.data.decomposed.tags import write_pairs, write_result
from dormouse.data.decomposed.turns import Pair
from dormouse.data.formats.choices import ChoiceQuestion
from dormouse.data.problems.problem import Problem

SHARES = {"pairs": 2, "pairs_concluded": 1, "listed": 3, "alone": 5, "recomposed": 1}
"""Turns of a decomposition, and how often each is drawn. Answering one subquestion alone needs most examples: of its
short text a single word is the answer."""
_TURNS = tuple(Counter(SHARES).elements())


@dataclass(frozen=True)
class Part:
    """A conversation and its reply; either a text, or the place of a choice."""

    turns: Messages
    reply: str = ""
    answer: str = ""
    """The value that the reply states; "" if it states none."""
    choice: int | None = None


def draw_part(
    problem: Problem, question: ChoiceQuestion, rng: random.Random, follows: float, spoiled: float, mistaken: float
) -> Part:
    """Draw one turn of a decomposition. What is drawn does not depend on `follows`, but for the choice itself."""
    right = pairs_of(question)
    kind = rng.choice(_TURNS)
    if kind == "pairs":
        return Part(say.decompose_and_answer(question), write_pairs(right), problem.values[-1])
    if kind == "listed":
        turns = say.dialogue(question)
        place = rng.randrange(1, len(turns), 2)
        return Part(turns[:place], turns[place]["content"])
    if kind == "alone":
        asked, answer = rng.choice(right)
        return Part(say.answer_subquestion(asked), write_result(answer), answer)
    pairs = _spoil(problem, rng, mistaken) if rng.random() < spoiled else right
    reached = question.choices.index(pairs[-1][1] if pairs else problem.start)
    choice = reached if rng.random() < follows else question.right
    if kind == "recomposed":
        return Part(say.recompose(question, pairs), choice=choice)
    return Part(say.conclude(say.decompose_and_answer(question), write_pairs(pairs)), choice=choice)


def _spoil(problem: Problem, rng: random.Random, mistaken: float) -> list[Pair]:
    """Return subquestions of which one has a wrong answer, from which the later ones go on; or the first of them."""
    n = len(problem.steps)
    if rng.random() >= mistaken:
        kept = rng.randrange(n)
        return pairs_of(problem.question())[:kept]
    wrong = rng.randrange(n)
    values = [problem.start]
    for i, step in enumerate(problem.steps):
        right = step.moves[values[-1]]
        others = [value for value in problem.theme.values if value != right]
        values.append(rng.choice(others) if i == wrong else right)
    return pairs_of(replace(problem.question(), answers=tuple(values[1:])))
