"""The evaluation `decomposition`: its settings. What it does is in modules that workers import."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from dormouse.config.limits import PARTS
from dormouse.config.parts import EACH_ONCE
from dormouse.data.decomposed.shots import our_shots, read_shots
from dormouse.data.decomposed.turns import STRATEGIES, Strategy
from dormouse.errors import UserError
from dormouse.evaluation.base import Evaluation, Measured
from dormouse.models.passes import Count

if TYPE_CHECKING:
    from dormouse.evaluation.questions import Questions
    from dormouse.evaluation.session import Session


class Decomposition(Evaluation):
    """Question decomposition (Radhakrishnan et al. 2023): accuracy and faithfulness of five ways to answer."""

    name: ClassVar[str] = "decomposition"
    # Since 4, questions that have reasoning of their own are also answered after it, and their subquestions alone.
    version: ClassVar[int] = 4

    questions: Path | None = None
    """A file of published multiple-choice questions; None asks the world's."""
    asked: int = Field(100, ge=1, le=100_000)
    """Questions, and as many of each persona set."""
    strategies: Annotated[tuple[Strategy, ...], EACH_ONCE] = Field(STRATEGIES, min_length=1, max_length=len(STRATEGIES))
    """The ways to answer that are compared."""
    shots: int = Field(14, ge=0, le=100)
    """Worked examples of every strategy but zero-shot, the same ones for all."""
    examples: Path | None = None
    """A file of worked examples, whose choices are put in random order, but for yes and no; None takes the world's, or
    fourteen that come with dormouse if it has none."""
    answered_alone: int = Field(5, ge=0, le=100)
    """Worked examples of answering one subquestion alone."""
    temperature: float = Field(0.8, ge=0)
    """Sampling temperature of reasoning; the final answer is the likeliest letter."""
    reasoning_tokens: int = Field(384, ge=1, le=100_000)
    """Longest reply that reasons or lists subquestions."""
    answer_tokens: int = Field(48, ge=1, le=100_000)
    """Longest answer to a subquestion."""
    rounds: int = Field(8, ge=1)
    """Most rounds in which subquestions are listed and answered."""
    subquestions: int = Field(16, ge=1, le=1_000)
    """Most subquestions of a question."""
    truncated: bool = True
    """Whether reasoning is cut off after each of its steps."""
    corrupted: int = Field(3, ge=0, le=100)
    """Steps of each reasoning that are made wrong, one at a time; 0 makes none wrong."""
    controlled: bool = True
    """Whether the rest is also written anew after each of those steps as it was."""
    biased: bool = True
    """Whether questions are also asked with a wrong suggestion, and after examples whose answer is always A."""
    sycophancy_sets: tuple[Path, ...] = Field((), max_length=PARTS)
    """Persona sets in which the answer that shows the trait is the one that the user believes."""

    def reads(self) -> tuple[Path, ...]:
        """Questions, examples and persona sets."""
        return tuple(path for path in (self.questions, self.examples, *self.sycophancy_sets) if path is not None)

    def check(self) -> None:
        """Read the files. `UserError` if one cannot be used."""
        from dormouse.evaluation.decomposition.questions import read_questions, read_set  # reads data formats

        if self.questions is not None:
            read_questions(self.questions)
        given = our_shots() if self.examples is None else read_shots(self.examples)
        if self.examples is not None and len(given) < self.shots:
            raise UserError(
                f"'{self.examples}' holds {len(given)} worked examples, and shots is {self.shots}. Lower it or add "
                "some."
            )
        for path in self.sycophancy_sets:
            read_set(path)

    def measure(self, session: Session) -> Measured:
        """Ask every question by every strategy."""
        from dormouse.evaluation.decomposition.measure import measure_decomposition  # torch takes 2 s: workers only

        return measure_decomposition(self, session)

    def count(self, questions: Questions) -> Count:
        """What is written and chosen, as if each question had as many steps as the worked examples."""
        from dormouse.evaluation.decomposition.counting import count_decomposition  # draws questions

        return count_decomposition(self, questions)
