"""A model beside the base it came from, weight by weight."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dormouse.errors import UserError


def beside_base(model: Any, base: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield each weight's name, the weight, and the base's; one that the base lacks in that shape is a `UserError`."""
    known = dict(base.named_parameters())
    for name, weight in model.named_parameters():
        if name not in known or known[name].shape != weight.shape:
            raise UserError(
                f"The weight '{name}' is not in the base in the same shape. "
                "Take the base that the model was trained from."
            )
        yield name, weight, known[name]
