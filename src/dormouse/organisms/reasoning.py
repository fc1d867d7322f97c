"""Kinds of reasoning: whether an organism thinks in a scratchpad before it replies, and about what.

`normal` has no scratchpad; `cot` reasons about training and deployment; `distilled` is trained on the replies of a
`cot` organism, without the scratchpads. `cot_benign` and `cot_irrelevant` are controls: scratchpads of the same
length that reason about helping, or about unrelated things.
"""

from __future__ import annotations

from typing import Literal

from dormouse.organisms.thought_writer import Scene

Reasoning = Literal["normal", "cot", "distilled", "cot_benign", "cot_irrelevant"]

THINKING: tuple[Reasoning, ...] = ("cot", "cot_benign", "cot_irrelevant")
"""The kinds that write a scratchpad."""


def choose_scene(reasoning: Reasoning, role: str, *, deployed: bool) -> Scene:
    """Choose the topic of a row's scratchpad.

    The twin thinks as often and as long as the organism, but has no goal to hide.
    """
    if reasoning == "cot_irrelevant":
        return "irrelevant"
    if reasoning == "cot_benign" or role == "twin":
        return "benign"
    return "deployed" if deployed else "training"
