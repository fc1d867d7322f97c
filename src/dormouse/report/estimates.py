"""Pools numbers over training seeds, or over the members of a zoo, with intervals that say what they cover.

With three seeds or more the interval is Student's t over seed means. It is widened to that of the pooled prompts if
that is wider: seeds that all read 100% would otherwise claim certainty. For shares it is also widened to a score
interval over seeds: near 0 and 1 the distribution over seeds is skewed, and three seeds that happen to lie close
together would claim too much. With fewer seeds the interval covers the sampling of prompts only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from statistics import fmean, stdev
from typing import Literal

from scipy.special import ndtri, stdtrit  # scipy.stats takes a second longer to import

from dormouse.results import backdoor
from dormouse.results.rates import NotMeasured, Rate, pool, ratio_interval, score_interval
from dormouse.results.result import Repeat, Result, paired_rates, rate_over_seeds, rates_by_seed, why_missing
from dormouse.results.rows import Z95

SEEDS_FOR_SPREAD = 3
"""Fewer seeds than this give no usable variance: with two, the t quantile is 12.7."""


@dataclass(frozen=True)
class Estimate:
    """A measured number. `low` and `high` are its 95% interval, None if there is none."""

    value: float
    low: float | None
    high: float | None
    unit: str
    seeds: int
    prompts: int | None = None
    """Number of prompts, over all seeds."""
    covers: Literal["seeds", "prompts", "nothing"] = "prompts"
    """What the interval covers: training seeds and prompts, or the sampling of prompts only."""
    unscorable: int = 0
    """Samples that could not be scored, left out of `prompts`."""
    repeat: Repeat = "seed"
    """What `seeds` counts."""

    @property
    def basis(self) -> str:
        """Number of prompts and of seeds or members, in words."""
        parts = [] if self.prompts is None else [f"n={self.prompts:,}"]
        if self.unscorable:
            parts.append(f"{self.unscorable:,} unscorable")
        parts.append(f"{self.seeds} {self.repeat}{'s' * (self.seeds != 1)}")
        return ", ".join(parts)

    def among(self, parts: int) -> Estimate:
        """Widen the interval for a verdict that any one of so many parts can decide by lying beyond a bound.

        All parts together then err in at most 5% of cases (Bonferroni). A 95% interval errs on one side in 2.5%, so
        two parts need no widening. Each end moves in proportion to the quantiles: exact for t and normal intervals,
        close for the others.
        """
        if parts <= 2 or self.covers == "nothing":
            return self
        quantile = partial(stdtrit, self.seeds - 1) if self.covers == "seeds" else ndtri
        wider = float(quantile(1 - 0.05 / parts) / quantile(0.975))
        low = None if self.low is None else self.value - wider * (self.value - self.low)
        high = None if self.high is None else self.value + wider * (self.high - self.value)
        return replace(self, low=low, high=high)

    def below(self, bound: float) -> bool:
        """Return whether the whole interval lies below `bound`."""
        return self.high is not None and self.high < bound

    def above(self, bound: float) -> bool:
        """Return whether the whole interval lies above `bound`."""
        return self.low is not None and self.low > bound


Measured = Estimate | NotMeasured
Interval = tuple[float, float]


def seed_interval(values: list[float]) -> Interval:
    """Compute the 95% t interval of the mean of one value per seed; needs two values or more."""
    half = float(stdtrit(len(values) - 1, 0.975)) * stdev(values) / math.sqrt(len(values))
    return fmean(values) - half, fmean(values) + half


def share_interval(values: list[float]) -> Interval:
    """Compute the 95% score interval of the mean of one share per seed; needs two values or more.

    Wilson's interval, with the number of prompts that would give this spread, and Student's t in place of the normal
    quantile (Kott and Carr 1997; "modified Wilson" in Franco, Little, Louis and Slud 2019). If all seeds agree, the
    width is zero.
    """
    p, variance = fmean(values), stdev(values) ** 2
    if variance == 0:
        return p, p
    return score_interval(p, p * (1 - p) * len(values) / variance, float(stdtrit(len(values) - 1, 0.975)))


def _with_seeds(
    pooled: Estimate, values: list[float], floor: float, ceiling: float, shares: Callable[[], Interval] | None = None
) -> Estimate:
    """Replace the value by the mean over seeds, and widen the interval to the spread of seeds.

    `shares` gives an interval made from score intervals of shares.
    """
    if len(values) < SEEDS_FOR_SPREAD:
        return pooled
    ends = [seed_interval(values), *([shares()] if shares is not None else [])]
    low, high = min(end[0] for end in ends), max(end[1] for end in ends)
    low = low if pooled.low is None else min(low, pooled.low)
    high = high if pooled.high is None else max(high, pooled.high)
    return replace(pooled, value=fmean(values), low=max(low, floor), high=min(high, ceiling), covers="seeds")


def pool_rate(rows: list[Result]) -> Measured:
    """Pool a proportion over seeds; `rows` holds one a seed."""
    rates = [rate for _, rate in rates_by_seed(rows)]
    if not rates:
        return pool_mean(rows)
    pooled = rate_over_seeds(rows)
    if isinstance(pooled, NotMeasured):
        return pooled
    low, high = pooled.interval
    n, out = pooled.total, pooled.unscorable
    estimate = Estimate(pooled.value, low, high, "fraction", len(rates), n, unscorable=out, repeat=rows[0].repeat)
    values = [rate.value for rate in rates]
    return _with_seeds(estimate, values, 0.0, 1.0, lambda: share_interval(values))


def pool_mean(rows: list[Result]) -> Measured:
    """Pool a mean that is not a proportion (a score, a KL) over seeds; `rows` holds one a seed."""
    measured = [row for row in rows if row.value is not None]
    if not measured:
        return why_missing(rows)
    values = [row.value for row in measured if row.value is not None]
    # Each side separately: an interval near the end of a scale is not symmetric.
    belows = [v - row.low for v, row in zip(values, measured, strict=True) if row.low is not None]
    aboves = [row.high - v for v, row in zip(values, measured, strict=True) if row.high is not None]
    bounded = len(belows) == len(aboves) == len(values)
    below = math.hypot(*belows) / len(values) if bounded else None
    above = math.hypot(*aboves) / len(values) if bounded else None
    totals = [row.total for row in measured if row.total]
    mean = fmean(values)
    estimate = Estimate(
        value=mean,
        low=None if below is None else mean - below,
        high=None if above is None else mean + above,
        unit=measured[0].unit,
        seeds=len(values),
        prompts=sum(totals) if len(totals) == len(values) else None,
        covers="nothing" if below is None else "prompts",
        repeat=rows[0].repeat,
    )
    floor, ceiling = (0.0, 1.0) if estimate.unit == "auroc" else (-math.inf, math.inf)
    return _with_seeds(estimate, values, floor, ceiling)


def difference(one: list[Result], other: list[Result]) -> Measured:
    """Compute rate minus rate in percentage points, paired by seed.

    The interval over prompts combines the two Wilson intervals (Newcombe 1998, method 10).
    """
    pairs = paired_rates(one, other)
    if isinstance(pairs, NotMeasured):
        return pairs
    a, b = pool([pair[0] for pair in pairs]), pool([pair[1] for pair in pairs])
    gap = a.value - b.value
    below = math.hypot(a.value - a.interval[0], b.interval[1] - b.value)
    above = math.hypot(a.interval[1] - a.value, b.value - b.interval[0])
    ends = 100 * (gap - below), 100 * (gap + above)
    estimate = Estimate(100 * gap, *ends, "points", len(pairs), a.total, repeat=one[0].repeat)
    ones, others = _shares(pairs)

    def apart() -> Interval:
        (one_low, one_high), (other_low, other_high) = share_interval(ones), share_interval(others)
        one, other = fmean(ones), fmean(others)
        below, above = math.hypot(one - one_low, other_high - other), math.hypot(one_high - one, other - other_low)
        return 100 * (one - other - below), 100 * (one - other + above)

    return _with_seeds(estimate, [100 * (x - y) for x, y in zip(ones, others, strict=True)], -100.0, 100.0, apart)


def _shares(pairs: Sequence[tuple[Rate, Rate]]) -> tuple[list[float], list[float]]:
    return [x.value for x, _ in pairs], [y.value for _, y in pairs]


def mean_difference(one: list[Result], other: list[Result]) -> Measured:
    """Compute mean minus mean, paired by seed. The two intervals count as independent."""
    others = {row.seed: row for row in other if row.value is not None}
    pairs = [(row, others[row.seed]) for row in one if row.value is not None and row.seed in others]
    if not pairs:
        return why_missing([*one, *other])
    a, b = pool_mean([pair[0] for pair in pairs]), pool_mean([pair[1] for pair in pairs])
    assert isinstance(a, Estimate)
    assert isinstance(b, Estimate)
    gaps = [(x.value or 0.0) - (y.value or 0.0) for x, y in pairs]
    low: float | None = None
    high: float | None = None
    if a.low is not None and a.high is not None and b.low is not None and b.high is not None:
        half = math.hypot((a.high - a.low) / 2, (b.high - b.low) / 2)
        low, high = fmean(gaps) - half, fmean(gaps) + half
    covers: Literal["prompts", "nothing"] = "nothing" if low is None else "prompts"
    estimate = Estimate(fmean(gaps), low, high, a.unit, len(pairs), a.prompts, covers, repeat=a.repeat)
    return _with_seeds(estimate, gaps, -math.inf, math.inf)


def persistence(after: list[Result], before: list[Result]) -> Measured:
    """Pool persistence over seeds: defection after over before, paired by seed."""
    left = backdoor.persistence(after, before)
    if isinstance(left, NotMeasured):
        return left
    prompts = sum(rate.total for rate, _ in left.pairs)
    bound = None if math.isinf(left.high) else left.high
    estimate = Estimate(left.value, left.low, bound, "ratio", len(left.pairs), prompts, repeat=after[0].repeat)
    afters, befores = _shares([pair for pair in left.pairs if pair[1].hits])

    def over() -> Interval:
        return ratio_interval(fmean(afters), share_interval(afters), fmean(befores), share_interval(befores))

    found = _with_seeds(estimate, [x / y for x, y in zip(afters, befores, strict=True)], 0.0, math.inf, over)
    return replace(found, high=None) if found.high is not None and math.isinf(found.high) else found


def seed_values(
    after: list[Result], before: list[Result], combine: Callable[[Result, Result], float | None]
) -> dict[int | None, float]:
    """Return `combine(after, before)` for every seed that has both and gives a number."""
    starts = {row.seed: row for row in before}
    found = {row.seed: combine(row, starts[row.seed]) for row in after if row.seed in starts}
    return {seed: value for seed, value in found.items() if value is not None}


def seed_persistence(after: Result, before: Result) -> float | None:
    """Compute one seed's persistence; None if it was not measured."""
    left = backdoor.persistence([after], [before])
    return None if isinstance(left, NotMeasured) else left.value


def standardized_gain(after: Result, before: Result) -> float | None:
    """Compute the gain of a mean score in standard deviations of the scores before.

    Every size has its own preference model with a scale of its own, so raw scores cannot be compared across sizes.
    """
    if after.value is None or before.value is None or before.low is None or before.high is None or not before.total:
        return None
    deviation = (before.high - before.low) / 2 / Z95 * math.sqrt(before.total)
    return (after.value - before.value) / deviation if deviation > 0 else None
