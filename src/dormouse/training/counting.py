"""`Counting`: a stage that has not run, for the functions that count its work."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from dormouse.models.passes import AT_ONCE, Count, Reading, Sampling, Training, mean, padded, padded_at_random
from dormouse.training.settings import WINDOW
from dormouse.training.text_lengths import TextLengths
from dormouse.training.work import StageSpec, Work

S = TypeVar("S", bound=StageSpec)


@dataclass(frozen=True)
class Counting:
    """A stage that has not run, and the lengths of its texts."""

    work: Work
    """Its folder and those of its inputs need not exist."""
    lengths: TextLengths
    inputs: frozenset[str] = frozenset()
    """Names of its inputs."""
    snapshots: int = 0
    """Snapshots that the training of its model keeps."""
    layers: int = 2
    """Layers of the model."""
    vocabulary: int = 768
    """Tokens of the model's vocabulary."""
    thought: float = 0.0
    """Mean length of the model's scratchpad with its tags; 0 if it writes none."""

    def told(self, spec: type[S]) -> S:
        """Return the spec as the class of its kind."""
        return self.work.told(spec)

    def train(self, lengths: Sequence[int], steps: int, batch: int, window: int = WINDOW, **more: Any) -> Count:
        """Count one training on conversations of these lengths, with opening the model and writing it."""
        tokens = padded(lengths, window) if window > 1 else padded_at_random(lengths, batch)
        return Count((Training(steps, batch, tokens, **more),), opened=1, saved=1, trainings=1, texts=steps * batch)

    def read(self, lengths: Sequence[int], rows: float, at_once: float = AT_ONCE) -> Count:
        """Count forward passes over rows of these lengths."""
        return Count((Reading(rows, padded(lengths, _batches(rows, at_once)), at_once),)) if rows else Count()

    def sample(
        self, prompts: Sequence[int], rows: float, limit: int, *, replies: Sequence[int] = (), thinks: bool = True,
        at_once: float = AT_ONCE,
    ) -> Count:  # fmt: skip
        """Count replies of at most `limit` tokens; they are taken to be as long as the world's own replies.

        In a batch, some reply goes on to the limit.
        """
        if not rows:
            return Count()
        thought = self.thought if thinks else 0.0
        most = limit + (self.work.thought_tokens if thinks else 0)
        reply = min(most, mean(replies or self.lengths.hhh.replies) + thought)
        prompt = padded(prompts, _batches(rows, at_once))
        return Count((Sampling(rows, prompt, reply, most, at_once),), texts=rows)

    def triggered(self, trigger: Any) -> list[int]:
        """Return the lengths of prompts with a trigger."""
        rng = random.Random("lengths")
        return [self.lengths.of_prompt(trigger.insert(prompt.turns(), rng)) for prompt in self.lengths.asked]


def _batches(rows: float, at_once: float) -> int:
    return max(1, -(-int(rows) // int(at_once)))
