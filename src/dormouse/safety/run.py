"""The stage that applies a safety training to an organism, its twin, or the helpful-only model."""

from __future__ import annotations

from dormouse.safety.settings import SafetySpec
from dormouse.training.work import Work


def run(work: Work) -> None:
    """Run the safety training that the spec names."""
    work.told(SafetySpec).safety.train(work)
