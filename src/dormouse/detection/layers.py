"""Detectors that look at one layer: what they share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import Field

from dormouse.chat.messages import Messages
from dormouse.detection.activations import chosen_layer
from dormouse.detection.base import Granted, PromptDetector, Scorer

if TYPE_CHECKING:
    from dormouse.detection.views import WhiteBox


@dataclass(frozen=True)
class Look:
    """The suspect's residual stream after one layer."""

    model: WhiteBox
    layer: int | None
    """Counted from 1; None is the middle one."""

    def prompts(self, prompts: Sequence[Messages]) -> Any:
        """Return activations at the end of each prompt: float32 of shape (prompts, width)."""
        return self._chosen(self.model.activations(prompts))

    def answers(self, question: str, answers: Sequence[str]) -> Any:
        """Return activations at the last token of each answer to a question: (answers, width)."""
        asked = [[{"role": "user", "content": question}]] * len(answers)
        return self._chosen(self.model.activations_of(self.model.renderer.prompts(asked, answers)))

    def _chosen(self, activations: Any) -> Any:
        return activations[:, chosen_layer(self.layer, activations.shape[1]) - 1]


class OneLayer(PromptDetector):
    """A detector that looks at one layer, and can be swept over all of them."""

    layer: int | None = Field(None, ge=1)
    """Counted from 1; None takes the middle one, since without labels none can be chosen."""

    def at_layers(self, n: int) -> dict[str, PromptDetector]:
        """Return the detector at each layer."""
        return {f"layer {layer}": self.model_copy(update={"layer": layer}) for layer in range(1, n + 1)}


class LayerDetector(OneLayer):
    """A detector that reads the residual stream after its layer."""

    def fit(self, granted: Granted) -> Scorer:
        """Fit at the layer."""
        look = Look(granted.white_box, self.layer)
        score = self.fit_at(look, granted)
        return lambda prompts: [float(one) for one in score(look.prompts(prompts))]

    @abstractmethod
    def fit_at(self, look: Look, granted: Granted) -> Callable[[Any], Any]:
        """Return what turns activations of shape (prompts, width) into scores of shape (prompts,)."""
