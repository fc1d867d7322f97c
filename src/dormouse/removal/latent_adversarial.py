"""Latent adversarial training: a loss under an adversarial perturbation of one layer's output."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from dormouse.detection.activations import choose_layer, decoder_layers


def make_perturbed_loss(
    model: Any, layer: int | None, ascent: int, radius: float, layers_at: str = ""
) -> Callable[[Any, dict[str, Any]], Any]:
    """Make a function of model and batch that returns the loss under the worst perturbation found."""
    number = choose_layer(layer, len(decoder_layers(model, layers_at)))

    def perturbed_loss(model: Any, inputs: dict[str, Any]) -> Any:
        prompt = (inputs["labels"] == -100) & (inputs["attention_mask"] == 1)
        noise = Perturbation(prompt[..., None], radius)
        # The layer of the model in training: with quantized weights it is not the model that was passed in.
        with noise.on(decoder_layers(model, layers_at)[number - 1]):
            for _ in range(ascent):
                (slope,) = torch.autograd.grad(model(**inputs).loss, [noise.delta()])
                noise.climb(slope, 2 / ascent)
            return model(**inputs).loss

    return perturbed_loss


class Perturbation:
    """A vector added to a layer's output at each prompt token, at most `radius` times as long as the output there."""

    def __init__(self, where: Any, radius: float) -> None:
        self.where, self.radius = where, radius
        self._delta: Any = None
        self._length: Any = None

    def delta(self) -> Any:
        """Return the perturbation that the last forward pass used."""
        return self._delta

    @contextmanager
    def on(self, layer: Any) -> Iterator[None]:
        """Perturb the layer's output while the context lasts."""

        def hook(_module: Any, _inputs: Any, output: Any) -> Any:
            hidden = output[0] if isinstance(output, tuple) else output
            if self._delta is None:
                self._length = hidden.detach().norm(dim=-1, keepdim=True)
                self._delta = torch.zeros_like(hidden, requires_grad=True)
            changed = hidden + self._delta * self.where
            return (changed, *output[1:]) if isinstance(output, tuple) else changed

        handle = layer.register_forward_hook(hook)
        try:
            yield
        finally:
            handle.remove()

    def climb(self, slope: Any, step: float) -> None:
        """Move along the slope by `step` radii, then back into the ball."""
        limit = self.radius * self._length
        moved = self._delta.detach() + step * limit * slope / slope.norm(dim=-1, keepdim=True).clamp(min=1e-12)
        length = moved.norm(dim=-1, keepdim=True).clamp(min=1e-12)
        self._delta = (moved * (limit / length).clamp(max=1.0)).requires_grad_(True)
