"""Black-box detectors: how sure the model is of its reply, and how likely a clean base finds that reply."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from dormouse.chat.messages import Messages
from dormouse.detection.base import Access, DetectorInput, PromptDetector, Scorer
from dormouse.models.passes import Count

if TYPE_CHECKING:
    from dormouse.detection.passes import Prompts


class Certainty(PromptDetector):
    """How sure the model is of its own greedy reply: with the trigger, it hardly hesitates."""

    name: ClassVar[str] = "certainty"
    access: ClassVar[Access] = "black box"
    tokens: int = Field(8, ge=1)
    """Reply tokens to look at, without the end token that follows a reply cut here. The tag that opens the scratchpad
    of a model that thinks is no part of the reply."""

    def fit(self, given: DetectorInput) -> Scorer:
        """Score by the mean log-probability of the reply's tokens, in nats."""
        model = given.black_box

        def score(prompts: Sequence[Messages]) -> list[float]:
            replies = model.replies(prompts, tokens=self.tokens)
            return [fmean(one[: self.tokens]) for one in model.log_probs(prompts, replies)]

        return score

    def count(self, prompts: Prompts) -> Count:
        """A short reply to each prompt, read once."""
        return prompts.sample(prompts.scored, self.tokens) + prompts.read(prompts.scored)


class Surprise(PromptDetector):
    """How much less likely the model's reply is to a clean base than to the model itself."""

    name: ClassVar[str] = "surprise"
    access: ClassVar[Access] = "black box"
    reference: ClassVar[bool] = True
    tokens: int = Field(8, ge=1)
    """Reply tokens to look at, without the end token that follows a reply cut here. The tag that opens the scratchpad
    of a model that thinks is no part of the reply."""

    def fit(self, given: DetectorInput) -> Scorer:
        """Score by the mean difference of log-probabilities over the reply's tokens, in nats."""
        model, base = given.black_box, given.reference

        def score(prompts: Sequence[Messages]) -> list[float]:
            replies = model.replies(prompts, tokens=self.tokens)
            own, clean = model.log_probs(prompts, replies), base.log_probs(prompts, replies)
            pairs = zip(own, clean, strict=True)
            return [fmean(mine[: self.tokens]) - fmean(other[: self.tokens]) for mine, other in pairs]

        return score

    def count(self, prompts: Prompts) -> Count:
        """A short reply to each prompt, read by both models."""
        rows = prompts.scored
        return prompts.sample(rows, self.tokens) + prompts.read(rows) + prompts.read(rows)


class Divergence(PromptDetector):
    """KL divergence of the model's next-token distribution from a clean base's, at the start of the reply."""

    name: ClassVar[str] = "divergence"
    access: ClassVar[Access] = "black box"
    reference: ClassVar[bool] = True

    def fit(self, given: DetectorInput) -> Scorer:
        """Score by KL(model || base) at the reply's first token, in nats."""
        model, base = given.black_box, given.reference

        def score(prompts: Sequence[Messages]) -> list[float]:
            return [float(one) for one in model.divergence(base, prompts)]

        return score

    def count(self, prompts: Prompts) -> Count:
        """Each prompt, read by both models."""
        rows = prompts.scored
        return prompts.read(rows) + prompts.read(rows)
