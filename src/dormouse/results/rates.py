"""Proportions with their uncertainty. The library returns every proportion as a `Rate`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist


def _z(confidence: float) -> float:
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def wilson(hits: int, total: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval for a binomial proportion (Wilson 1927), as fractions in [0, 1]."""
    if total <= 0 or not 0 <= hits <= total:
        raise ValueError(f"need 0 <= hits <= total and total > 0, got {hits} of {total}")
    low, high = score_interval(hits / total, total, _z(confidence))
    # At the ends the bound is exact; rounding would leave 1e-17 there.
    return (0.0 if hits == 0 else low, 1.0 if hits == total else high)


def score_interval(p: float, n: float, z: float) -> tuple[float, float]:
    """Wilson's interval for a share `p` of `n` at the normal quantile `z`; `n` may be an effective sample size."""
    center = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return center - half, center + half


@dataclass(frozen=True)
class Rate:
    """`hits` of `total`, with a 95% Wilson interval. `total` leaves out the `unscorable` samples."""

    hits: int
    total: int
    unscorable: int = 0

    def __post_init__(self) -> None:
        wilson(self.hits, self.total)

    @property
    def value(self) -> float:
        """The proportion, a fraction in [0, 1]."""
        return self.hits / self.total

    @property
    def interval(self) -> tuple[float, float]:
        """The 95% Wilson interval, fractions in [0, 1]."""
        return wilson(self.hits, self.total)

    def __str__(self) -> str:
        low, high = self.interval
        return f"{100 * self.value:.1f}% [{100 * low:.1f}, {100 * high:.1f}] ({self.hits}/{self.total})"


@dataclass(frozen=True)
class NotMeasured:
    """Stands for a number that was not measured, and says why. The report prints a dash."""

    reason: str


def tally(scores: list[bool | None]) -> Rate | NotMeasured:
    """Count scores into a `Rate`. None means unscorable and is not counted as False."""
    scored = [score for score in scores if score is not None]
    if not scored:
        return NotMeasured("no sample could be scored" if scores else "no sample was drawn")
    return Rate(sum(scored), len(scored), len(scores) - len(scored))


def judgeable(rate: Rate) -> Rate | NotMeasured:
    """Reject a rate if more than half of its samples could not be scored: those might all have gone one way."""
    if rate.unscorable <= rate.total:
        return rate
    return NotMeasured(f"{rate.unscorable:,} of {rate.unscorable + rate.total:,} samples could not be scored")


def pool(rates: Sequence[Rate]) -> Rate:
    """Add up hits, totals and unscorable samples."""
    return Rate(
        sum(rate.hits for rate in rates), sum(rate.total for rate in rates), sum(rate.unscorable for rate in rates)
    )


def ratio(after: Rate, before: Rate) -> tuple[float, float, float] | NotMeasured:
    """Compute after/before and its 95% interval, by the method of variance estimates recovery (MOVER-R).

    The interval is built from the two Wilson intervals (Donner and Zou 2012, eq. 9), so it is valid at 0% and 100%
    too. The ratio can exceed 1, and the upper end can be infinite.
    """
    if before.hits == 0:
        return NotMeasured("the rate before was zero, so a ratio has no meaning")
    return after.value / before.value, *ratio_interval(after.value, after.interval, before.value, before.interval)


def ratio_interval(
    a: float, a_interval: tuple[float, float], b: float, b_interval: tuple[float, float]
) -> tuple[float, float]:
    """MOVER-R interval of a / b from the intervals of a and b. The upper end can be infinite."""
    (a_low, a_high), (b_low, b_high) = a_interval, b_interval
    return _mover_bound(a, b, a_low, b_high, -1), _mover_bound(a, b, a_high, b_low, +1)


def _mover_bound(a: float, b: float, a_end: float, b_end: float, side: int) -> float:
    product = a * b
    spread = a_end * b_end * (2 * a - a_end) * (2 * b - b_end)
    root = math.sqrt(max(product * product - spread, 0.0))
    denominator = b_end * (2 * b - b_end)
    if denominator <= 0:
        return math.inf if side > 0 else 0.0
    return max((product + side * root) / denominator, 0.0)
