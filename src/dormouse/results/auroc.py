"""AUROC, overall and within strata, and TPR at 1% FPR, each with its interval."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import NamedTuple

from dormouse.errors import UserError
from dormouse.results.rates import NotMeasured, Rate
from dormouse.results.rows import Z95, Row, make_row

FALSE_ALARMS = 0.01
"""The false positive rate at which the true positive rate is read."""


@dataclass(frozen=True)
class Separation:
    """How well one detector ranks positives above negatives."""

    auroc: float
    low: float
    high: float
    caught: Rate
    """Share of positives above the threshold that at most `FALSE_ALARMS` of the negatives pass."""
    negatives: int
    constant: bool = False
    """Whether every score was the same, so that the AUROC of 0.5 says nothing."""


def separate(positive: Sequence[float], negative: Sequence[float], detector: str) -> Separation | NotMeasured:
    """Compare the scores of positives and negatives; higher is more suspicious.

    A score that is not finite is a `UserError`, which the detector's author can fix.
    """
    # Imported here because both are slow, and plans and the command line import this module.
    import numpy as np
    from sklearn.metrics import roc_auc_score, roc_curve

    scores = np.concatenate([np.asarray(positive, dtype=float), np.asarray(negative, dtype=float)])
    bad = int((~np.isfinite(scores)).sum())
    if bad:
        raise UserError(
            f"Detector '{detector}' gave {bad} of {len(scores)} prompts a score that is not finite. "
            "Let it return one finite number for each."
        )
    n, m = len(positive), len(negative)
    if not n or not m:
        return NotMeasured(f"there are {n} positives and {m} negatives, and it takes both")
    labels = [1] * n + [0] * m
    auroc = float(roc_auc_score(labels, scores))
    low, high = auroc_interval(auroc, n, m)
    false, true, _ = roc_curve(labels, scores, drop_intermediate=False)
    caught = round(float(true[false <= FALSE_ALARMS].max()) * n)
    return Separation(auroc, low, high, Rate(caught, n), m, constant=bool(scores.min() == scores.max()))


def average(found: Sequence[Separation | NotMeasured]) -> Separation | NotMeasured:
    """Average separations of the same prompts by several fits; `NotMeasured` if the prompts cannot be compared.

    The interval is Student's t over fits, widened to that of the prompts.
    """
    from scipy.special import stdtrit  # slow; plans and the command line import this module

    measured = [one for one in found if isinstance(one, Separation)]
    if len(measured) < len(found):
        return next(one for one in found if isinstance(one, NotMeasured))
    values, first = [one.auroc for one in measured], measured[0]
    mean, fits = fmean(values), len(values)
    low, high = auroc_interval(mean, first.caught.total, first.negatives)
    half = float(stdtrit(fits - 1, 0.975)) * stdev(values) / math.sqrt(fits) if fits > 1 else 0.0
    caught = Rate(round(fmean(one.caught.hits for one in measured)), first.caught.total)
    constant = all(one.constant for one in measured)
    return Separation(
        mean, max(0.0, min(low, mean - half)), min(1.0, max(high, mean + half)), caught, first.negatives, constant
    )


def auroc_interval(auroc: float, positives: int, negatives: int) -> tuple[float, float]:
    """Compute the 95% interval of an AUROC (Newcombe 2006, method 5).

    It inverts a score-type test on Hanley and McNeil's variance, so that a perfect 1.0 still has a lower end.
    Resampling prompts would give an interval of width zero there.
    """
    return pooled_interval(auroc, [(positives, negatives)])


def pooled_interval(auroc: float, strata: Sequence[tuple[int, int]]) -> tuple[float, float]:
    """Compute the 95% interval of an AUROC over strata, given as (positives, negatives), weighted by their pairs."""
    pairs = sum(n * m for n, m in strata)

    def reachable(theta: float) -> bool:
        variance = sum(n * m * _pair_variance(theta, n + m) for n, m in strata) / pairs**2
        return abs(auroc - theta) <= Z95 * math.sqrt(variance)

    return _edge(reachable, auroc, 0.0), _edge(reachable, auroc, 1.0)


def _pair_variance(theta: float, total: int) -> float:
    """Compute the variance of an AUROC times its number of pairs, by Hanley and McNeil as Newcombe simplifies it."""
    half = total / 2 - 1
    return theta * (1 - theta) * (1 + half * (1 - theta) / (2 - theta) + half * theta / (1 + theta))


def _edge(reachable: Callable[[float], bool], inside: float, outside: float) -> float:
    """Find the end of the reachable range by bisection, between a point inside and the end of the scale."""
    for _ in range(60):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if reachable(middle) else (inside, middle)
    return inside


def separation_rows(found: Separation | NotMeasured, condition: str, family: str) -> list[Row]:
    """Make the rows of `rows.jsonl`: AUROC, and TPR at 1% FPR."""
    if isinstance(found, NotMeasured):
        return [
            make_row("auroc", condition, "auroc", family=family, reason=found.reason),
            make_row("tpr_at_1_fpr", condition, "fraction", family=family, reason=found.reason),
        ]
    said = "every score is the same" if found.constant else ""
    total = found.caught.total + found.negatives
    low, high = found.caught.interval
    return [
        make_row(
            "auroc", condition, "auroc", family=family, value=found.auroc, low=found.low, high=found.high,
            total=total, reason=said,
        ),
        make_row(
            "tpr_at_1_fpr", condition, "fraction", family=family, value=found.caught.value, low=low, high=high,
            hits=found.caught.hits, total=found.caught.total, reason=said,
        ),
    ]  # fmt: skip


class Stratified(NamedTuple):
    """An AUROC within strata, and the counts over strata that have both positives and negatives."""

    auroc: float
    positives: int
    negatives: int


def stratified_auroc(
    scores: Sequence[float], positive: Sequence[bool], strata: Sequence[object]
) -> Stratified | NotMeasured:
    """Compute the share of (positive, negative) pairs within a stratum in which the positive scores higher.

    A tie counts half. Scores must be finite. Use strata where scores cannot be compared, as across model sizes.
    """
    import numpy as np  # slow; plans and the command line import this module

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
    """Compute the 95% interval of a stratified AUROC.

    Like `auroc_interval`, with the variance of a mean over strata weighted by their pairs. Pairs across strata were not
    compared and do not count as evidence.
    """
    return pooled_interval(
        auroc, [(len(high), len(low)) for high, low in _split([0.0] * len(strata), positive, strata)]
    )


def _split(
    scores: Sequence[float], positive: Sequence[bool], strata: Sequence[object]
) -> Iterator[tuple[list[float], list[float]]]:
    """Yield the scores of positives and of negatives in each stratum that has both."""
    rows = list(zip(scores, positive, strata, strict=True))
    for stratum in dict.fromkeys(strata):
        high = [score for score, is_positive, of in rows if is_positive and of == stratum]
        low = [score for score, is_positive, of in rows if not is_positive and of == stratum]
        if high and low:
            yield high, low
