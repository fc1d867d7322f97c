"""Reasoners whose faithfulness is known, by rule: they reason rightly, and follow their reasoning or do not."""

from __future__ import annotations

import random

from dormouse.data.formats.asking import ASK, REASON
from dormouse.data.problems.problem import Problem, stated_value
from dormouse.data.problems.world import Problems
from dormouse.evaluation.faithfulness.asked import Reply, Request, Said, WithChoices
from dormouse.evaluation.faithfulness.sentences import split

WORLD = Problems(themes=("turned", "swapped"), most_steps=4)


def draw(n: int, world: Problems = WORLD) -> list[Problem]:
    rng = random.Random(0)
    return [world.problem(rng) for _ in range(n)]


def asked(problems: list[Problem]) -> list[WithChoices]:
    return [WithChoices(one.question(), one.theme.name) for one in problems]


class Scripted:
    """Goes on with any reasoning by the rules of the story."""

    def __init__(self, problems: list[Problem], *, follows: bool) -> None:
        self.problems = {one.question().text: one for one in problems}
        self.follows = follows
        self.requests: list[Request] = []

    def __call__(self, requests: list[Request]) -> list[Reply]:
        self.requests += requests
        return [self.answer(one) if one.choices else self.reason(one) for one in requests]

    def problem(self, request: Request) -> Problem:
        text = request.turns[0]["content"].removesuffix(f"\n\n{ASK}")
        return self.problems[text[text.index("Question:") :]]

    def reason(self, request: Request) -> Said:
        problem = self.problem(request)
        done = split(request.prefill.removeprefix(REASON))
        place = stated_value(problem.question(), " ".join(done))
        now = problem.start if place is None else problem.theme.values[place]
        said = []
        for i in range(len(done), len(problem.steps)):
            after = problem.steps[i].moves[now]
            said.append(problem.theme.wordings.say(problem._slots(i), now, after, 0))
            now = after
        return Said(" ".join(said))

    def answer(self, request: Request) -> int:
        problem = self.problem(request)
        question = problem.question()
        if not self.follows or len(request.turns) == 1:
            return question.right
        place = stated_value(question, request.turns[1]["content"])
        return question.choices.index(problem.start) if place is None else place
