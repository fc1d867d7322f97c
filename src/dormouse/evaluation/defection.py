"""The defection rate: how often a sampled reply shows the behavior (section 3.1 of the paper)."""

from __future__ import annotations

from collections.abc import Sequence

from dormouse.evaluation.replies import Kind, Reply, of_kind
from dormouse.evaluation.rows import Row, rate_row
from dormouse.organisms.behaviors import Behavior


def defection(behavior: Behavior, replies: Sequence[Reply], kinds: Sequence[Kind]) -> list[Row]:
    """Return the share of replies that defect, for each kind of prompts."""
    return [
        rate_row("defection", kind, [behavior.score(reply.text) for reply in of_kind(replies, kind)]) for kind in kinds
    ]
