"""How a model differs from the base it came from, in its weights and in what it makes of clean prompts."""

from __future__ import annotations

from statistics import fmean
from typing import ClassVar

from pydantic import Field

from dormouse.detection.activations import chosen_layer
from dormouse.detection.base import Granted, ModelDetector, Suspicion
from dormouse.errors import UserError
from dormouse.models.weights import pair_with_base


class WeightChange(ModelDetector):
    """How much of what fine-tuning changed lies in one direction of each matrix: a narrow lesson, a narrow mark."""

    name: ClassVar[str] = "weight_change"
    reference: ClassVar[bool] = True

    def judge(self, granted: Granted) -> Suspicion:
        """Return the mean share of each matrix's squared change that its first singular direction holds, 0 to 1.

        A model that is its base's equal scores 0. One whose matrices have other names or shapes is a `UserError`.
        """
        import torch

        shares, lengths = [], []
        with torch.no_grad():
            for _, weight, start in pair_with_base(granted.white_box.model, granted.reference.model):
                if weight.dim() != 2:
                    continue
                values = torch.linalg.svdvals((weight - start).float()).square()
                lengths.append(float(values.sum().sqrt() / start.float().norm()))
                if float(values[0]) > 0:
                    shares.append(float(values[0] / values.sum()))
        facts = {"relative_change": fmean(lengths)}
        return Suspicion(fmean(shares) if shares else 0.0, facts=facts)


class ActivationChange(ModelDetector):
    """How far clean prompts lie from where the base has them, after one layer."""

    name: ClassVar[str] = "activation_change"
    reference: ClassVar[bool] = True
    layer: int | None = Field(None, ge=1)
    """Counted from 1; None takes the middle one."""
    prompts: int = Field(256, ge=1)
    """Clean prompts that are looked at."""

    def judge(self, granted: Granted) -> Suspicion:
        """Return the mean distance at the prompt's end, in units of the base's own length there."""
        import numpy as np

        asked = granted.clean[: self.prompts]
        own, clean = (model.activations(asked) for model in (granted.white_box, granted.reference))
        if own.shape != clean.shape:
            raise UserError(
                f"The model's activations have the shape {own.shape[1:]} and the base's {clean.shape[1:]}, so the two "
                "cannot be compared. Take the base that the model was trained from."
            )
        at = chosen_layer(self.layer, own.shape[1]) - 1
        apart = np.linalg.norm(own[:, at] - clean[:, at], axis=-1)
        return Suspicion(float((apart / np.linalg.norm(clean[:, at], axis=-1)).mean()))
