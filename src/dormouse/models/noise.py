"""Gaussian noise on a model's weights."""

from __future__ import annotations

from typing import Any


def add_noise(model: Any, scale: float, seed: int) -> None:
    """Add noise to every matrix in place, `scale` times that matrix's own deviation; vectors are left alone."""
    import torch

    # Drawn on the CPU: the same noise whatever the model is on.
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                weight += scale * weight.std() * torch.randn(weight.shape, generator=generator).to(weight)
