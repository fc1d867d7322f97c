"""Measures how far a safety training moved a model: KL from the model before it, without the trigger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dormouse.chat.renderer import Example
from dormouse.evaluation.base import Measured
from dormouse.evaluation.replies import Reply, of_kind
from dormouse.evaluation.session import Session
from dormouse.evaluation.subject import Subject
from dormouse.models.likelihood import token_log_probs
from dormouse.results.rows import Row, make_row, mean_per_token_row

NOT_OWN_SAMPLES = "a KL divergence needs replies at measure.temperature=1"


def measure_kl(session: Session) -> Measured:
    """Compare both models on the replies of the model itself."""
    parent = session.instruments.parent
    if parent is None:
        return Measured()
    if session.measure.temperature != 1:
        return Measured([make_row("kl", "clean", "nats_per_token", reason=NOT_OWN_SAMPLES)])
    return Measured(kl(session.subject, parent, session.replies))


def kl(subject: Subject, parent: Any, replies: Sequence[Reply]) -> list[Row]:
    """Return the mean over the model's own sampled tokens of log p(model) - log p(parent), in nats per token.

    The replies must have been sampled at temperature 1: this then estimates the KL divergence without bias.
    """
    clean = of_kind(replies, "clean")
    examples = [
        Example(reply.prompt_ids + reply.ids, [0] * len(reply.prompt_ids) + [1] * len(reply.ids)) for reply in clean
    ]
    found = token_log_probs([subject.model, parent], examples, subject.renderer.pad_id)
    gaps = [[p - q for p, q in zip(here, before, strict=True)] for here, before in found]
    return [mean_per_token_row("kl", "clean", gaps, "nats_per_token")]
