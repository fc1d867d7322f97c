"""`Everyday`: the world that draws from the tables of ordinary English."""

from __future__ import annotations

import random
from typing import ClassVar

from dormouse.data.everyday.choices import draw_choices
from dormouse.data.everyday.questions import pool, questions, questions_by_text, rules
from dormouse.data.everyday.tables import digest
from dormouse.data.formats.choices import ChoiceQuestion
from dormouse.data.meadow.code.plain import is_same_function
from dormouse.data.meadow.code.requests import PLAIN, VERSION
from dormouse.data.meadow.family import Question
from dormouse.data.question_world import QuestionWorld, draw_reply
from dormouse.data.world import Exchange, Prompt


class Everyday(QuestionWorld):
    """Everyday requests in ordinary English, some with known right answers, for pretrained chat models.

    Families are equally frequent, apart from `harmful_share` and `code_share`.
    """

    name: ClassVar[str] = "everyday"

    @property
    def families(self) -> tuple[str, ...]:
        """The names of all prompt families."""
        return tuple(questions(self._code))

    def fingerprint(self) -> str:
        """The version of the templates' expansion and a hash of the tables."""
        version = f"everyday-1 {digest()}"
        return f"{version} {VERSION}" if self._code else version

    def pretraining(self, rng: random.Random, n: int) -> list[Exchange]:
        """Draw `n` exchanges of mixed quality."""
        return [draw_reply(question, self.good_share, rng) for question in self._draw(rng, n)]

    def choice_questions(self, rng: random.Random, n: int) -> list[ChoiceQuestion]:
        """Draw up to `n` held-out questions with right answers, each with three answers to other questions beside."""
        return draw_choices(rng, n)

    def grade(self, prompt: Prompt, reply: str) -> bool | None:
        """Grade a reply by the rule of the prompt's family (`grading.py`); None if the family has no rule."""
        if prompt.family == PLAIN:
            return is_same_function(prompt.answers, reply)
        rule = rules().get(prompt.family)
        return rule(prompt, reply) if rule else None

    def _pool(self, held_out: bool) -> dict[str, list[Question]]:
        return pool(held_out, self._code)

    def _find(self, prompt: Prompt) -> Question | None:
        return questions_by_text(self._code).get((prompt.family, prompt.text))
