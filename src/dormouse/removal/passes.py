"""Counts the work of removals before they run."""

from __future__ import annotations

from dormouse.models.passes import Count
from dormouse.removal.base import RemovalSpec
from dormouse.training.counting import Counting


def count_removal(counting: Counting) -> Count:
    """Count the change of the model and its repair."""
    return counting.told(RemovalSpec).removal.count(counting)
