"""AUROC within strata: only a positive and a negative of the same stratum are compared.

A score that means something among models of one size may mean nothing across sizes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from dormouse.results.rates import NotMeasured
from dormouse.results.separation import pooled_interval


class Stratified(NamedTuple):
    """An AUROC and what it rests on, counted in strata that hold both kinds."""

    auroc: float
    positives: int
    negatives: int


def stratified_auroc(
    scores: Sequence[float], positive: Sequence[bool], strata: Sequence[object]
) -> Stratified | NotMeasured:
    """Return the share of (positive, negative) pairs of one stratum in which the positive scores higher.

    A tie counts half. Scores must be finite.
    """
    import numpy as np

    wins, pairs, positives, negatives = 0.0, 0, 0, 0
    for high, low in _split(scores, positive, strata):
        above = np.asarray(high, dtype=float)[:, None]
        below = np.asarray(low, dtype=float)[None, :]
        wins += float((above > below).sum() + 0.5 * (above == below).sum())
        pairs += len(high) * len(low)
        positives += len(high)
        negatives += len(low)
    if not pairs:
        n = sum(positive)
        return NotMeasured(f"of {n} positives and {len(positive) - n} negatives no two are of one stratum")
    return Stratified(wins / pairs, positives, negatives)


def stratified_interval(auroc: float, positive: Sequence[bool], strata: Sequence[object]) -> tuple[float, float]:
    """Return the 95% interval of a stratified AUROC.

    It is that of `auroc_interval`, with the variance of a mean of strata in which each weighs as its pairs: pairs
    across strata, which were not compared, are not counted as evidence.
    """
    return pooled_interval(
        auroc, [(len(high), len(low)) for high, low in _split([0.0] * len(strata), positive, strata)]
    )


def _split(
    scores: Sequence[float], positive: Sequence[bool], strata: Sequence[object]
) -> Iterator[tuple[list[float], list[float]]]:
    """Yield the scores of positives and of negatives in each stratum that holds both."""
    rows = list(zip(scores, positive, strata, strict=True))
    for stratum in dict.fromkeys(strata):
        high = [score for score, is_positive, of in rows if is_positive and of == stratum]
        low = [score for score, is_positive, of in rows if not is_positive and of == stratum]
        if high and low:
            yield high, low
