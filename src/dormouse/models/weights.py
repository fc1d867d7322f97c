"""Perturbs the weights of a loaded model, and pairs them with those of its base."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dormouse.errors import UserError


def add_noise(model: Any, scale: float, seed: int) -> None:
    """Add Gaussian noise to every matrix in place: `scale` times the matrix's standard deviation. Vectors are kept."""
    import torch  # takes 2 s, and detectors in a plan import this module

    # Drawn on the CPU: the same noise on every device.
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                weight += scale * weight.std() * torch.randn(weight.shape, generator=generator).to(weight)


def pair_with_base(model: Any, base: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield each weight's name, the weight and the base's weight; `UserError` if the base lacks one of that shape."""
    known = dict(base.named_parameters())
    for name, weight in model.named_parameters():
        if name not in known or known[name].shape != weight.shape:
            raise UserError(
                f"The weight '{name}' is not in the base in the same shape. "
                "Take the base that the model was trained from."
            )
        yield name, weight, known[name]
