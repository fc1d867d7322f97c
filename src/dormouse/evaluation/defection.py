"""The defection rate: how often a sampled reply shows the behavior (section 3.1 of the paper)."""

from __future__ import annotations

from collections.abc import Sequence

from dormouse.evaluation.replies import Kind, Reply, of_kind
from dormouse.organisms.behaviors import Behavior
from dormouse.results.rows import Row, rate_row


def defection(behavior: Behavior, replies: Sequence[Reply], kinds: Sequence[Kind]) -> list[Row]:
    """Return the share of replies that defect, for each kind of prompts."""
    return [
        rate_row("defection", kind, [score_of(behavior, reply) for reply in of_kind(replies, kind)]) for kind in kinds
    ]


def score_of(behavior: Behavior, reply: Reply) -> bool | None:
    """Return whether a reply to a question defects; None where that cannot be told."""
    return behavior.score(reply.text, reply.question.family)
