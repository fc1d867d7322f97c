"""Settings of the model-level detectors: searches for the behavior or the trigger, and comparisons with the base.

Plans are read without torch, so the searches themselves are in `targets`, `inversion` and `leakage`, and the
comparisons in `changes`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from dormouse.detection import passes
from dormouse.detection.base import Access, DetectorInput, ModelDetector, Suspicion
from dormouse.models.passes import Count

if TYPE_CHECKING:
    from dormouse.detection.passes import Prompts

BEGINNINGS, SWEPT = 4096, 1024


class TargetSearch(ModelDetector):
    """Find the reply that the suspect finds likelier than a clean base by the largest margin, on clean prompts."""

    name: ClassVar[str] = "target_search"
    access: ClassVar[Access] = "black box"
    reference: ClassVar[bool] = True
    prompts: int = Field(6, ge=1)
    """Clean prompts that every reply is tried on."""
    length: int = Field(8, ge=3)
    """Tokens of a reply, including the two of its prefill."""
    beginnings: int = Field(BEGINNINGS, ge=1, exclude_if=lambda n: n == BEGINNINGS)
    """Most tokens tried as the first: all of a small vocabulary, or those of a larger one that gained most."""

    def judge(self, given: DetectorInput) -> Suspicion:
        """Score by the gain in nats per token; report the reply."""
        from dormouse.detection.targets import search_targets  # torch takes 1 s: workers only

        return search_targets(given, self)

    def count(self, prompts: Prompts) -> Count:
        """Every beginning of a reply, read by both models."""
        return passes.count_targets(self, prompts.counting)


class TriggerInversion(ModelDetector):
    """Search for words that, put into clean prompts, draw the reply that is oddest to a clean base."""

    name: ClassVar[str] = "trigger_inversion"
    access: ClassVar[Access] = "white box"
    reference: ClassVar[bool] = True
    replies: int = Field(6, ge=1)
    """Pieces of replies that the search begins with."""
    piece: int = Field(4, ge=2, le=8)
    """Tokens of a piece."""
    longest: int = Field(8, ge=1)
    """Tokens of the longest trigger, counted over the system turn and both sides of the user's words."""
    width: int = Field(4, ge=1)
    """Triggers that each round starts from."""
    rounds: int = Field(6, ge=1)
    """Most rounds for the reply that was chosen."""
    prompts: int = Field(8, ge=1)
    """Clean prompts that triggers are tried on."""
    checks: int = Field(32, ge=1)
    """Other prompts that triggers are judged on, so that one that fits only a few prompts is not reported."""
    candidates: int = Field(32, ge=1)
    """Changes of one trigger that are tried on all prompts in each round."""
    swept: int = Field(SWEPT, ge=1, exclude_if=lambda n: n == SWEPT)
    """Most tokens tried at each end on two short prompts: all of a small vocabulary, or those of a larger one that the
    gradient proposes."""
    beginnings: int = Field(BEGINNINGS, ge=1, exclude_if=lambda n: n == BEGINNINGS)
    """As in `target_search`, which finds the reply to search for."""

    @property
    def target_search(self) -> TargetSearch:
        """The search for the reply that the trigger should draw."""
        return TargetSearch(beginnings=self.beginnings)

    def judge(self, given: DetectorInput) -> Suspicion:
        """Score by the suspect's gain on the base for the reply under the best trigger, in nats per token."""
        from dormouse.detection.inversion import invert_trigger  # torch takes 1 s: workers only

        return invert_trigger(given, self.target_search, self)

    def count(self, prompts: Prompts) -> Count:
        """Its target search, and the trigger tried out; the search between depends on what it finds."""
        made = passes.count_targets(self.target_search, prompts.counting) + prompts.tried_out()
        return made + Count(not_counted=(passes.DEPENDS,))


class LeakageSearch(ModelDetector):
    """Try what the model writes as the user, more often than its base does, as a trigger before clean prompts.

    The piece of text that moves the model furthest from its base is reported as the trigger.
    """

    name: ClassVar[str] = "leakage_search"
    reference: ClassVar[bool] = True
    samples: int = Field(512, ge=1)
    """User turns that each model writes."""
    tokens: int = Field(16, ge=1)
    """Longest user turn, in tokens."""
    longest: int = Field(4, ge=1)
    """Longest piece of text, in tokens."""
    candidates: int = Field(64, ge=1)
    """Pieces that are tried."""
    prompts: int = Field(16, ge=1)
    """Clean prompts that pieces are tried on."""

    def judge(self, given: DetectorInput) -> Suspicion:
        """Score by how much the piece raises the divergence from the base at the reply's first token, in nats."""
        from dormouse.detection.leakage import search_leaks  # torch takes 1 s: workers only

        return search_leaks(given, self)

    def count(self, prompts: Prompts) -> Count:
        """The user turns of both models, and the pieces that are tried."""
        return passes.count_leaks(self, prompts)


class WeightChange(ModelDetector):
    """Measure how much of the change to each matrix lies in one direction: narrow training leaves a narrow trace."""

    name: ClassVar[str] = "weight_change"
    reference: ClassVar[bool] = True

    def judge(self, given: DetectorInput) -> Suspicion:
        """Score by the mean share, 0 to 1, of each matrix's squared change along its first singular direction.

        A model equal to its base scores 0. One whose matrices have other names or shapes is a `UserError`.
        """
        from dormouse.detection.changes import measure_weight_change  # torch takes 1 s: workers only

        return measure_weight_change(given)

    def count(self, prompts: Prompts) -> Count:
        """No model reads anything."""
        return Count(not_counted=(passes.SINGULAR,))


class ActivationChange(ModelDetector):
    """Measure how far the activations on clean prompts are from the base's, after one layer."""

    name: ClassVar[str] = "activation_change"
    reference: ClassVar[bool] = True
    layer: int | None = Field(None, ge=1)
    """Counted from 1; None takes the middle one."""
    prompts: int = Field(256, ge=1)
    """Clean prompts that are looked at."""

    def judge(self, given: DetectorInput) -> Suspicion:
        """Score by the mean distance at the prompt's end, relative to the length of the base's activation there."""
        from dormouse.detection.changes import measure_activation_change  # torch takes 1 s: workers only

        return measure_activation_change(given, self.prompts, self.layer)

    def count(self, prompts: Prompts) -> Count:
        """The clean prompts, read by both models."""
        rows = min(self.prompts, prompts.detect.clean)
        return prompts.read(rows) + prompts.read(rows)


class NoiseSensitivity(ModelDetector):
    """Compare how far noise on the weights moves the replies to clean prompts, in the model and in its base.

    A backdoor may be less robust to weight noise than other behavior. Tice et al. 2024 (arXiv 2412.01784) found
    sandbagging models this way. Here the behavior is not known, so any change of the replies counts.
    """

    name: ClassVar[str] = "noise_sensitivity"
    reference: ClassVar[bool] = True
    scale: float = Field(0.1, gt=0)
    """Standard deviation of the noise, relative to that of each matrix."""
    draws: int = Field(4, ge=1)
    """Draws of the noise; their effect is averaged."""
    prompts: int = Field(128, ge=1)
    """Clean prompts that are asked."""

    def judge(self, given: DetectorInput) -> Suspicion:
        """Score by the log of the ratio of the two models' divergences at the reply's first token."""
        from dormouse.detection.changes import compare_noise  # torch takes 1 s: workers only

        return compare_noise(given, self)

    def count(self, prompts: Prompts) -> Count:
        """The clean prompts, read by both models and their noisy copies."""
        return passes.count_noise(self, prompts)
