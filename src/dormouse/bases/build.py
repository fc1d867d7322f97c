"""The stage that makes the untouched base."""

from __future__ import annotations

from dormouse.bases.base import Base
from dormouse.config.registry import BASES
from dormouse.store.stage import Work


def run(work: Work) -> None:
    """Build the base that the spec names."""
    base: Base = BASES.build(work.spec["base"])
    base.build(work)
