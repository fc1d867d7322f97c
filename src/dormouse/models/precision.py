"""The number format that weights are kept in."""

from __future__ import annotations

from typing import Literal

from dormouse.machine.hardware import has_bfloat16

Precision = Literal["auto", "float32", "bfloat16", "float16"]


def for_weights(asked: Precision, *, adapters: bool) -> tuple[Precision, str]:
    """Return the number format to keep weights in, and why."""
    if asked != "auto":
        return asked, "as the plan says"
    if adapters and has_bfloat16():
        return "bfloat16", "weights are frozen beside adapters, and take half the memory"
    if adapters:
        return "float32", "this machine is not fast in bfloat16"
    return "float32", "bfloat16 would lose updates below a 256th of a weight"
