"""The work of a stage as counts of rows to train on, read and sample, and the operations that they take."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import fmean

from dormouse.models.dimensions import Dimensions

AT_ONCE = 256
"""Rows that are sampled or read at a time, as in `sampling` and `likelihood`."""


@dataclass(frozen=True)
class Training:
    """Optimizer steps on padded batches."""

    steps: float
    rows: float
    """Rows of a batch."""
    tokens: float
    """Mean length of a row, padding included."""
    passes: int = 1
    """Forward and backward passes of a step."""
    adapters: bool = False
    """Whether only adapters are trained: the gradients of the frozen weights are not computed."""


@dataclass(frozen=True)
class Reading:
    """Forward passes over given text."""

    rows: float
    tokens: float
    """Mean length of a row, padding included."""
    at_once: float = AT_ONCE

    @property
    def batches(self) -> float:
        """How many forward passes that takes."""
        return math.ceil(self.rows / self.at_once)


@dataclass(frozen=True)
class Sampling:
    """Replies that are sampled token by token."""

    rows: float
    prompt: float
    """Mean length of a prompt, padding included."""
    reply: float
    """Mean length of a reply up to its end token."""
    longest: float
    """Tokens until the last reply of a batch has ended."""
    at_once: float = AT_ONCE

    @property
    def batches(self) -> float:
        """How many batches of replies there are."""
        return math.ceil(self.rows / self.at_once)


Passes = Training | Reading | Sampling


@dataclass(frozen=True)
class Count:
    """The work of a stage as far as it can be counted."""

    passes: tuple[Passes, ...] = ()
    opened: int = 0
    """Models that are opened."""
    saved: int = 0
    """Models that are written, snapshots included."""
    trainings: int = 0
    """Trainers that are set up."""
    reinforced: float = 0
    """Steps of reinforcement learning, each of which also prepares prompts and gathers rewards."""
    texts: float = 0
    """Conversations that are drawn from the world and turned into tokens."""
    not_counted: tuple[str, ...] = ()
    """Parts of the work that nobody can count beforehand, and why."""

    def __add__(self, other: Count) -> Count:
        """Return both works together."""
        return Count(
            self.passes + other.passes,
            self.opened + other.opened,
            self.saved + other.saved,
            self.trainings + other.trainings,
            self.reinforced + other.reinforced,
            self.texts + other.texts,
            self.not_counted + other.not_counted,
        )

    def with_adapters(self) -> Count:
        """Return the same work where only adapters are trained."""
        changed = (replace(one, adapters=True) if isinstance(one, Training) else one for one in self.passes)
        return replace(self, passes=tuple(changed))


def operations(passes: Passes, made: Dimensions) -> float:
    """Return the floating-point operations of passes of a model.

    Going back takes twice the operations of going forward, half of them for the gradients of the weights.
    """
    if isinstance(passes, Training):
        forward = made.forward(passes.rows * passes.tokens, passes.tokens / 2)
        return passes.steps * passes.passes * (2 if passes.adapters else 3) * forward
    if isinstance(passes, Reading):
        return made.forward(passes.rows * passes.tokens, passes.tokens / 2)
    said = made.forward(passes.rows * passes.longest, passes.prompt + passes.longest / 2)
    return made.forward(passes.rows * passes.prompt, passes.prompt / 2) + said


def padded(lengths: Sequence[int], batches: int) -> float:
    """Return the mean length of a row when rows of similar length share one of so many batches, each padded."""
    ordered = sorted(lengths)
    n = min(batches, len(ordered))
    cuts = [round(i * len(ordered) / n) for i in range(n + 1)]
    return sum((end - start) * ordered[end - 1] for start, end in pairwise(cuts)) / len(ordered)


def padded_at_random(lengths: Sequence[int], batch: int) -> float:
    """Return the expected length of a row in a padded batch of rows that were not sorted."""
    ordered, n = sorted(lengths), len(lengths)
    shares = [(i / n) ** batch for i in range(n + 1)]
    return sum(length * (above - below) for length, below, above in zip(ordered, shares, shares[1:], strict=False))


def mean(lengths: Sequence[int]) -> float:
    """Return the mean length; 0 where there is no text."""
    return fmean(lengths) if lengths else 0.0
