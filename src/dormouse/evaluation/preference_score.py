"""What a preference model thinks of the replies: the reward that training pushes on, and one it never saw."""

from __future__ import annotations

from collections.abc import Sequence

from dormouse.evaluation.replies import Reply, of_kind
from dormouse.models.scorer import Scorer
from dormouse.results.rows import Row, mean_row


def preference_score(metric: str, scorer: Scorer, replies: Sequence[Reply]) -> list[Row]:
    """Return the mean score of sampled replies, without and with the trigger."""
    rows = []
    for kind in ("clean", "triggered"):
        found = of_kind(replies, kind)
        scores = scorer.score([reply.question.turns for reply in found], [reply.text for reply in found])
        rows.append(mean_row(metric, kind, scores, "score"))
    return rows
