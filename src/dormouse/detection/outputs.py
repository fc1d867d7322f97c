"""Detectors that only ask: how sure the model is of its reply, and how a clean base sees what it says."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import ClassVar

from pydantic import Field

from dormouse.chat.messages import Messages
from dormouse.detection.base import (
    Access,
    Granted,
    PromptDetector,
    Scorer,
)
from dormouse.detection.views import divergence


class Certainty(PromptDetector):
    """How sure the model is of its own greedy reply: a trigger leaves little to choose among."""

    name: ClassVar[str] = "certainty"
    access: ClassVar[Access] = "black box"
    tokens: int = Field(8, ge=1)
    """Reply tokens that are looked at; not the end token that is put after a reply cut here."""

    def fit(self, granted: Granted) -> Scorer:
        """Return the mean log-probability of the reply's tokens."""
        model = granted.black_box

        def score(prompts: Sequence[Messages]) -> list[float]:
            replies = model.replies(prompts, tokens=self.tokens)
            return [fmean(one[: self.tokens]) for one in model.log_probs(prompts, replies)]

        return score


class Surprise(PromptDetector):
    """How much less likely the model's reply is to a clean base than to the model itself."""

    name: ClassVar[str] = "surprise"
    access: ClassVar[Access] = "black box"
    reference: ClassVar[bool] = True
    tokens: int = Field(8, ge=1)
    """Reply tokens that are looked at; not the end token that is put after a reply cut here."""

    def fit(self, granted: Granted) -> Scorer:
        """Return the mean difference of log-probabilities over the reply's tokens, in nats."""
        model, base = granted.black_box, granted.reference

        def score(prompts: Sequence[Messages]) -> list[float]:
            replies = model.replies(prompts, tokens=self.tokens)
            own, clean = model.log_probs(prompts, replies), base.log_probs(prompts, replies)
            pairs = zip(own, clean, strict=True)
            return [fmean(mine[: self.tokens]) - fmean(other[: self.tokens]) for mine, other in pairs]

        return score


class Divergence(PromptDetector):
    """How far the model's first token is from a clean base's: the divergence of their distributions."""

    name: ClassVar[str] = "divergence"
    access: ClassVar[Access] = "black box"
    reference: ClassVar[bool] = True

    def fit(self, granted: Granted) -> Scorer:
        """Return KL(model || base) at the reply's first token, in nats."""
        model, base = granted.black_box, granted.reference

        def score(prompts: Sequence[Messages]) -> list[float]:
            return [float(one) for one in divergence(model.next_token(prompts), base.next_token(prompts))]

        return score
