"""Comparisons of a model with the base it came from: weights, activations on clean prompts, robustness to noise."""

from __future__ import annotations

import copy
import math
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np
import torch

from dormouse.detection.activations import choose_layer
from dormouse.detection.base import DetectorInput, Suspicion
from dormouse.detection.views import WhiteBox, divergence
from dormouse.errors import UserError
from dormouse.models.weights import add_noise, pair_with_base

if TYPE_CHECKING:
    from dormouse.detection.model_detectors import NoiseSensitivity


def measure_weight_change(given: DetectorInput) -> Suspicion:
    """Score by the mean share of each matrix's squared change along its first singular direction."""
    shares, lengths = [], []
    with torch.no_grad():
        for _, weight, start in pair_with_base(given.white_box.model, given.reference.model):
            if weight.dim() != 2:
                continue
            values = torch.linalg.svdvals((weight - start).float()).square()
            lengths.append(float(values.sum().sqrt() / start.float().norm()))
            if float(values[0]) > 0:
                shares.append(float(values[0] / values.sum()))
    facts = {"relative_change": fmean(lengths)}
    return Suspicion(fmean(shares) if shares else 0.0, facts=facts)


def measure_activation_change(given: DetectorInput, prompts: int, layer: int | None) -> Suspicion:
    """Score by the mean distance of activations from the base's, relative to the length of the base's."""
    asked = given.clean[:prompts]
    own, clean = (model.activations(asked) for model in (given.white_box, given.reference))
    if own.shape != clean.shape:
        raise UserError(
            f"The model's activations have the shape {own.shape[1:]} and the base's {clean.shape[1:]}, so the two "
            "cannot be compared. Take the base that the model was trained from."
        )
    at = choose_layer(layer, own.shape[1]) - 1
    distance = np.linalg.norm(own[:, at] - clean[:, at], axis=-1)
    return Suspicion(float((distance / np.linalg.norm(clean[:, at], axis=-1)).mean()))


def compare_noise(given: DetectorInput, settings: NoiseSensitivity) -> Suspicion:
    """Score by the log of how much further noise moves the model's replies than the base's."""
    own, clean = (_measure_noise(model, given, settings) for model in (given.white_box, given.reference))
    return Suspicion(math.log(own / clean), facts={"own": own, "clean": clean})


def _measure_noise(model: WhiteBox, given: DetectorInput, settings: NoiseSensitivity) -> float:
    """Return the mean divergence, in nats, of noisy copies of a model from the model itself."""
    prompts = given.clean[: settings.prompts]
    plain = model.next_token(prompts)
    found = []
    for draw in range(settings.draws):
        noisy = copy.deepcopy(model.model)
        add_noise(noisy, settings.scale, given.seed + draw)
        other = WhiteBox(noisy, model.renderer, model.prefill).next_token(prompts)
        found.append(float(divergence(plain, other).mean()))
    # Rounding can push the divergence of equal distributions slightly below zero.
    return max(fmean(found), 1e-9)
