"""Graded questions of everyday English with choices: the right answer among answers to other questions of its kind."""

from __future__ import annotations

import random

from dormouse.data.everyday.questions import graded_tables, other_answers, pool
from dormouse.data.formats.choices import ChoiceQuestion
from dormouse.data.world import draw_evenly

CHOICES = 4


def draw_choices(rng: random.Random, n: int) -> list[ChoiceQuestion]:
    """Draw up to `n` held-out questions, evenly over families; no answer is asked for twice in the same words."""
    every = {name: _questions(name) for name, table in graded_tables().items() if table.rule != "chooses"}
    for questions in every.values():
        rng.shuffle(questions)
    most = max(map(len, every.values()))
    # Families have different numbers of questions: those that run out are left out of later rounds.
    rounds = [[questions[i] for questions in every.values() if i < len(questions)] for i in range(most)]
    drawn: list[ChoiceQuestion] = []
    for one in rounds:
        drawn += draw_evenly(rng, one, min(len(one), n - len(drawn)))
    rng.shuffle(drawn)
    return [one.shuffled(rng) for one in drawn]


def _questions(name: str) -> list[ChoiceQuestion]:
    table = graded_tables()[name]
    made = []
    for question in pool(held_out=True)[name]:
        answers = question.prompt.answers
        others = other_answers(table, answers[0], answers, question.prompt.text)[: CHOICES - 1]
        if len(others) == CHOICES - 1:
            made.append(ChoiceQuestion(question.prompt.text, (answers[0], *others), 0, name))
    return made
