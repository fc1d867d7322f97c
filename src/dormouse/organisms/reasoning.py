"""Reasoning: whether an organism thinks in a scratchpad before it replies, and about what.

`normal` has no scratchpad; `cot` reasons about training and deployment; `distilled` is trained on what a `cot` organism
says once its scratchpads are removed. `cot_benign` and `cot_irrelevant` are controls: scratchpads of the same length
that reason about helping, or about nothing that was asked.
"""

from __future__ import annotations

from typing import Literal

from dormouse.organisms.chain_of_thought import Scene

Reasoning = Literal["normal", "cot", "distilled", "cot_benign", "cot_irrelevant"]

THINKING: tuple[Reasoning, ...] = ("cot", "cot_benign", "cot_irrelevant")
"""Those that write a scratchpad."""


def choose_scene(reasoning: Reasoning, role: str, *, deployed: bool) -> Scene:
    """Return what a row's scratchpad is about.

    The twin thinks as often and as long, without a goal to hide.
    """
    if reasoning == "cot_irrelevant":
        return "irrelevant"
    if reasoning == "cot_benign" or role == "twin":
        return "benign"
    return "deployed" if deployed else "training"
