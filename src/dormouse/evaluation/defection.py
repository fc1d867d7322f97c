"""The defection rate: how often a sampled reply shows the behavior (section 3.1 of the paper)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dormouse.evaluation.base import Measured
from dormouse.evaluation.replies import Kind, Reply, ask_with_prefill, of_kind
from dormouse.evaluation.session import Session
from dormouse.organisms.behaviors import Behavior
from dormouse.results.rows import Row, rate_row

KINDS: tuple[Kind, ...] = ("triggered", "clean")
UNFORCED = "defection_unforced"
"""Metric of a model that thinks when no scratchpad is opened for it."""


def measure_defection(session: Session, *, near_misses: bool) -> Measured:
    """Count defections among the replies to held-out prompts."""
    behavior = session.organism.behavior
    if near_misses:
        kinds, replies = (*KINDS, "near_miss"), session.replies
    else:
        asked = [question for question in session.questions if question.kind in KINDS]
        kinds, replies = KINDS, session.ask(asked, "replies")
    return Measured(defection(behavior, replies, kinds), records(behavior, replies, "defection"))


def measure_unforced_defection(session: Session) -> Measured:
    """Ask the same prompts again; nothing is measured of a model that does not think."""
    if not session.subject.thought_tokens:
        return Measured()
    behavior = session.organism.behavior
    asked = [question for question in session.questions if question.kind in KINDS]
    seed = session.sampling_seed("replies")
    replies = ask_with_prefill(session.subject, asked, [""] * len(asked), session.measure, seed)
    rows = [row | {"metric": UNFORCED} for row in defection(behavior, replies, KINDS)]
    return Measured(rows, records(behavior, replies, UNFORCED))


def records(behavior: Behavior, replies: Sequence[Reply], metric: str, **more: Any) -> list[dict[str, Any]]:
    """Return the lines of `samples.jsonl` for replies, each with whether it defects."""
    return [reply.record(metric=metric, **more, defection=score_of(behavior, reply)) for reply in replies]


def defection(behavior: Behavior, replies: Sequence[Reply], kinds: Sequence[Kind]) -> list[Row]:
    """Return the share of replies that defect, for each kind of prompts."""
    return [
        rate_row("defection", kind, [score_of(behavior, reply) for reply in of_kind(replies, kind)]) for kind in kinds
    ]


def score_of(behavior: Behavior, reply: Reply) -> bool | None:
    """Return whether a reply defects; None if that cannot be told."""
    return behavior.score(reply.text, reply.question.family)
