"""The stage that makes the untouched base."""

from __future__ import annotations

from dormouse.bases.base import BaseSpec
from dormouse.training.work import Work


def run(work: Work) -> None:
    """Build the base that the spec names."""
    work.told(BaseSpec).base.build(work)
