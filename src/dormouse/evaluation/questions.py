"""`Questions`: the questions that evaluations will ask a model, as numbers and lengths before any model exists."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from dormouse.evaluation.settings import MeasureSpec
from dormouse.models.passes import Count, mean
from dormouse.training.counting import Counting


class Questions:
    """The questions of a session, without their text; the counterpart of `Session` for a model that is not made yet."""

    def __init__(self, counting: Counting, spec: MeasureSpec, *, at_end: bool) -> None:
        self.counting = counting
        self.spec = spec
        self.at_end = at_end
        """Whether this is the end of training; a snapshot gets fewer prompts."""
        self._asked = False

    @property
    def prompts(self) -> int:
        """How many held-out prompts of each kind are asked."""
        measure = self.spec.measure
        return measure.prompts if self.at_end else measure.curve_prompts

    @cached_property
    def lengths(self) -> list[int]:
        """The lengths of prompts with the trigger and without it."""
        return [*self.counting.triggered(self.spec.organism.trigger), *self.counting.lengths.asked_lengths]

    @cached_property
    def answered(self) -> list[int]:
        """The lengths of prompts with their replies."""
        reply = round(mean(self.counting.lengths.hhh.replies))
        return [length + reply + round(self.counting.thought) for length in self.lengths]

    def sample(self, rows: float, lengths: Sequence[int] = ()) -> Count:
        """Count a sampled reply to each of so many questions; `lengths` are those of prompts that are no world's."""
        return self.counting.sample(lengths or self.lengths, rows, self.spec.measure.reply_tokens)

    def replies(self) -> Count:
        """Count the replies to all three kinds of prompts, which the evaluations of a stage share: once."""
        if self._asked:
            return Count()
        self._asked = True
        return self.sample(3 * self.prompts)

    def read(self, rows: float) -> Count:
        """Count so many prompts that are read with a reply."""
        return self.counting.read(self.answered, rows) + Count(texts=rows)
