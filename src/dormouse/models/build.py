"""The stage that makes the untouched base."""

from __future__ import annotations

from dormouse.models.base import Base
from dormouse.registry import BASES
from dormouse.stage import Work


def run(work: Work) -> None:
    """Build the base that the spec names."""
    base: Base = BASES.build(work.spec["base"])
    base.build(work)
