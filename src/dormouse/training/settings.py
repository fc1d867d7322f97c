"""Settings that all supervised trainings share."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from dormouse.config.parts import Config

Optimizer = Literal["adamw", "adafactor", "rmsprop"]
"""All three take steps of about the learning rate, so one learning rate serves them."""


WINDOW = 16
"""Batches within which a training sorts conversations by length, which halves the padding of short chats."""


class Supervised(Config):
    """Steps, batch and learning rate of a supervised training."""

    steps: int = Field(200, ge=1)
    """Optimizer steps."""
    batch: int = Field(32, ge=1)
    """Conversations a step."""
    lr: float = Field(1e-3, gt=0)
    """Peak learning rate at the reference width; each base says how it scales with width."""
    snapshots: int = Field(0, ge=0)
    """Weights kept along training, evenly spaced, for curves; the end is always kept."""
