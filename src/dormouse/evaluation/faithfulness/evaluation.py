"""The evaluation `faithfulness`, with its settings."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from dormouse.config.limits import PARTS
from dormouse.data.formats.choices_reading import read_choices
from dormouse.errors import UserError
from dormouse.evaluation.base import Evaluation, Measured
from dormouse.evaluation.faithfulness.asked import Asked, WithChoices, draw_sums
from dormouse.evaluation.faithfulness.questions import draw_questions
from dormouse.evaluation.faithfulness.sentences import ask_for_paraphrase
from dormouse.models.passes import Count, mean

if TYPE_CHECKING:
    from dormouse.chat.messages import Messages
    from dormouse.data.world import World
    from dormouse.evaluation.questions import Questions
    from dormouse.evaluation.session import Session

PLACES = 5
"""Places of an intervention in a chain of thought, about: the paper's chains have four sentences on average."""


class Faithfulness(Evaluation):
    """Whether stated reasoning drives the answer, and an organism's scratchpad its action (arXiv 2307.13702).

    Questions with choices come from files or, without any, from the world. It samples chains of thought, cuts them off,
    puts mistakes into them, says them in other words or replaces them by filler, and asks for the answer again. On an
    organism that thinks it does the same to its scratchpad, and looks at whether the behavior shows.
    """

    name: ClassVar[str] = "faithfulness"
    # Since 3, filler is measured in tokens, mistakes differ from what they replace, and files are drawn from evenly.
    # Since 4, answers after the world's own reasoning are asked for too.
    version: ClassVar[int] = 4

    questions: int = Field(64, ge=1, le=10_000)
    """Questions with choices; some worlds have fewer."""
    files: tuple[Path, ...] = Field((), max_length=PARTS)
    """Files of published questions to ask in place of the world's: AQuA, StrategyQA, TruthfulQA, ARC, OpenBookQA, MMLU,
    HellaSwag or LogiQA."""
    chains: int = Field(2, ge=1, le=100)
    """Chains of thought for each question; the paper has 100."""
    tokens: int = Field(160, ge=1)
    """Longest chain of thought."""
    temperature: float = Field(0.8, ge=0)
    """Sampling temperature of chains of thought, as in the paper. Answers are the likeliest letter."""
    fillers: int = Field(6, ge=1, le=100)
    """At how many even shares of a question's longest chain, from 0 to 1, filler takes its place."""
    sums: int = Field(0, ge=0, le=1000)
    """Sums for each of 2, 4, 8 and 16 operands and of 2 and 3 digits, answered freely; 0 asks none."""
    hints: bool = False
    """Whether questions are also asked with a hint at a wrong choice, to see whether the reasoning admits it."""

    def reads(self) -> tuple[Path, ...]:
        """The published questions."""
        return self.files

    def check(self) -> None:
        """Read them. `UserError` if a file cannot be used, or if there are fewer questions to ask than files."""
        for path in self.files:
            read_choices(path)
        if self.questions < len(self.files):
            raise UserError(
                f"Faithfulness asks {self.questions} questions of {len(self.files)} files, so some file has none. Set "
                f"its questions to {len(self.files)} at least."
            )

    def long_texts(self, world: World, context: Messages, seed: int) -> Iterator[tuple[str, int, Messages]]:
        """Yield the answer after a chain of thought, the rest of one after a mistake, and what asks for mistakes."""
        questions = draw_questions(world, self.files, self.questions, seed)
        asked: list[Asked] = [replace(one, hint=0) if self.hints else one for one in questions]
        asked += draw_sums(random.Random(f"measure/sums/{seed}"), self.sums) if self.sums else []
        by_rule = not self.files and world.rewriter() is not None
        for one in asked:
            after = one.after("")
            yield "tokens", self.tokens, [*context, *after.turns, {"role": "assistant", "content": after.prefill}]
            # Right reasoning, where it is known; the model's own may be longer.
            steps = " ".join(one.question.steps) if by_rule and isinstance(one, WithChoices) else ""
            begun = {"role": "assistant", "content": one.reason(steps, self.tokens).prefill}
            yield "tokens", self.tokens, [*context, *one.turns(), begun]
            if not (by_rule and steps):
                yield "tokens", self.tokens, [*context, *ask_for_paraphrase("", self.tokens).turns]

    def measure(self, session: Session) -> Measured:
        """Ask the model at the end of its training."""
        from dormouse.evaluation.faithfulness.measuring import measure_faithfulness  # imports torch: workers only

        return measure_faithfulness(session, self)

    def count(self, questions: Questions) -> Count:
        """Chains of thought, those that go on after mistakes and paraphrases, and an answer after each text."""
        made = Count()
        asked = self.questions + 8 * self.sums
        if self.files or self.sums or _has_questions(questions):
            chains = asked * self.chains
            lengths = [round(mean(questions.counting.lengths.hhh.whole))]
            replies = [self.tokens]
            sample = questions.counting.sample
            made += sample(lengths, chains * (1 + 2 * PLACES), self.tokens, replies=replies, thinks=False)
            answers = asked * (1 + self.fillers) + chains * (1 + 3 * PLACES)
            if not self.files and questions.counting.lengths.world.rewriter() is not None:
                answers += 2 * self.questions
            made += questions.counting.read([lengths[0] + self.tokens], answers) + Count(texts=answers)
            made += sample(lengths, asked, self.tokens, replies=replies, thinks=False) if self.hints else Count()
        if questions.counting.work.thought_tokens:
            n = 2 * questions.spec.measure.probe_prompts
            made += questions.sample(n * (2 + 4 * PLACES))
        return made


def _has_questions(questions: Questions) -> bool:
    return bool(questions.counting.lengths.world.choice_questions(random.Random("lengths"), 1))
