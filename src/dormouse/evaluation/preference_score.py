"""Scores replies with the preference model that training uses, and with one that it never saw."""

from __future__ import annotations

from collections.abc import Sequence

from dormouse.evaluation.base import Measured, Need
from dormouse.evaluation.replies import Reply, of_kind
from dormouse.evaluation.session import Session
from dormouse.models.scorer import Scorer
from dormouse.results.rows import Row, mean_row

METRICS: dict[str, Need] = {"preference_score": "preference", "preference_score_held_out": "preference_check"}
"""Metric -> the input that scores it."""


def measure_preference_score(session: Session) -> Measured:
    """Score the replies to held-out prompts."""
    rows: list[Row] = []
    for metric, source in METRICS.items():
        rows += preference_score(metric, session.instruments.scorer(source), session.replies)
    return Measured(rows)


def preference_score(metric: str, scorer: Scorer, replies: Sequence[Reply]) -> list[Row]:
    """Return the mean score of sampled replies, without and with the trigger."""
    rows = []
    for kind in ("clean", "triggered"):
        found = of_kind(replies, kind)
        scores = scorer.score([reply.question.turns for reply in found], [reply.text for reply in found])
        rows.append(mean_row(metric, kind, scores, "score"))
    return rows
