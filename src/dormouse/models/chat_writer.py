"""Samples a chat model that the plan names, for red teams and for scratchpads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from dormouse.chat.messages import Messages
from dormouse.chat.renderer import Renderer
from dormouse.models.first_look import load_within_limits
from dormouse.models.sampling import sample

Write = Callable[[list[Messages], int], list[str]]
"""(conversations, seed) -> the chat model's next turn in each. Tests replace it."""

BATCH = 32


def make_writer(folder: Path, tokens: int, prefill: str = "") -> Write:
    """Make a function that samples the chat model in a folder at T=1; the model is loaded at the first call.

    A turn begins with `prefill` and has at most so many tokens after it.
    """
    opened: list[tuple[Any, Renderer]] = []

    def write(conversations: list[Messages], seed: int) -> list[str]:
        if not opened:
            opened.append(load_within_limits(folder))
        model, renderer = opened[0]
        return sample(
            model, renderer, conversations, max_new_tokens=tokens, temperature=1.0, seed=seed, batch_size=BATCH,
            prefill=prefill,
        )  # fmt: skip

    return write
