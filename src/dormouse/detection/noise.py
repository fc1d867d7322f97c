"""What a little noise on the weights does to a model: hidden conduct may be less stable than what it was grown with.

After Tice et al. 2024 (arXiv 2412.01784), who found sandbagging models by it. Here nothing is known of the conduct, so
what is measured is how far replies move.
"""

from __future__ import annotations

import copy
import math
from statistics import fmean
from typing import ClassVar

from pydantic import Field

from dormouse.detection.base import Granted, ModelDetector, Suspicion
from dormouse.detection.views import WhiteBox, divergence
from dormouse.models.weights import add_noise


class NoiseSensitivity(ModelDetector):
    """How much more noise on the weights moves what the model says to clean prompts than it moves the base's words."""

    name: ClassVar[str] = "noise_sensitivity"
    reference: ClassVar[bool] = True
    scale: float = Field(0.1, gt=0)
    """Deviation of the noise, in units of each matrix's own."""
    draws: int = Field(4, ge=1)
    """Draws of the noise; their effect is averaged."""
    prompts: int = Field(128, ge=1)
    """Clean prompts that are asked."""

    def judge(self, granted: Granted) -> Suspicion:
        """Return the logarithm of the ratio of the two divergences of the reply's first token."""
        own, clean = (self._moved(model, granted) for model in (granted.white_box, granted.reference))
        return Suspicion(math.log(own / clean), facts={"own": own, "clean": clean})

    def _moved(self, model: WhiteBox, granted: Granted) -> float:
        """Return the mean divergence, in nats, of noisy copies from the model as it is."""
        prompts = granted.clean[: self.prompts]
        plain = model.next_token(prompts)
        found = []
        for draw in range(self.draws):
            noisy = copy.deepcopy(model.model)
            add_noise(noisy, self.scale, granted.seed + draw)
            other = WhiteBox(noisy, model.renderer, model.prefill).next_token(prompts)
            found.append(float(divergence(plain, other).mean()))
        # Rounding may make the divergence of equal distributions a hair less than nothing.
        return max(fmean(found), 1e-9)
