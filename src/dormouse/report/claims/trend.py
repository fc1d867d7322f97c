"""The scaling test behind claim C4: does persistence grow with size, at an equal or at a matched amount of training?

The statistic is the slope of persistence on log10(size), averaged over levels (doses, or matched amounts) within a
seed and then over seeds. Its p-value permutes sizes within each seed, the same way at every level, so that it treats a
seed's models as one draw; its interval is Student's t over the slopes of the seeds.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dormouse.report.estimates import SEEDS_FOR_SPREAD, seed_interval
from dormouse.results.rates import NotMeasured

SIZES_FOR_TREND = 3
"""Two sizes give a difference, not a trend."""
EXACT_LIMIT = 50_000
"""Up to this number all permutations are counted; beyond it, this many are drawn."""
MATCH_SHARES = (0.5, 0.75, 1.0)
"""Amounts that are compared, as shares of the largest amount that every model reached."""

Table = dict[tuple[int, int], dict[float, float]]
"""(size, seed) -> level -> persistence."""


@dataclass(frozen=True)
class Trend:
    """A slope in persistence per tenfold size (1.0 = 100 points), with its interval and permutation p-value."""

    slope: float
    low: float
    high: float
    p: float
    sizes: tuple[int, ...]
    seeds: int
    levels: tuple[float, ...]
    lowest: float
    """The lowest mean persistence of any size and level; near 1 nothing was lost anywhere."""
    highest: float


def fit_trend(table: Table) -> Trend | NotMeasured:
    """Fit and test the trend over the seeds that have every size and level."""
    sizes = sorted({size for size, _ in table})
    levels = sorted({level for values in table.values() for level in values})
    seeds = sorted({seed for _, seed in table})
    whole = [seed for seed in seeds if all(level in table.get((size, seed), {}) for size in sizes for level in levels)]
    if len(sizes) < SIZES_FOR_TREND:
        return NotMeasured(f"{len(sizes)} size{'s' * (len(sizes) != 1)}, and a trend needs {SIZES_FOR_TREND}")
    if len(whole) < SEEDS_FOR_SPREAD:
        return NotMeasured(
            f"{len(whole)} seed{'s' * (len(whole) != 1)} with every size and dose, and a trend needs {SEEDS_FOR_SPREAD}"
        )
    cube = np.array([[[table[size, seed][level] for level in levels] for size in sizes] for seed in whole])
    x = np.log10(np.array(sizes, dtype=float))
    x -= x.mean()
    averaged = cube.mean(axis=2)
    slopes = averaged @ x / (x @ x)
    low, high = seed_interval([float(slope) for slope in slopes])
    means = cube.mean(axis=0)
    return Trend(
        slope=float(slopes.mean()),
        low=low,
        high=high,
        p=_permutation_p(averaged, x),
        sizes=tuple(sizes),
        seeds=len(whole),
        levels=tuple(levels),
        lowest=float(means.min()),
        highest=float(means.max()),
    )


def _permutation_p(averaged: NDArray[Any], x: NDArray[Any]) -> float:
    """Compute the two-sided p-value of the mean slope; `averaged` is [seeds, sizes], `x` centered."""
    seeds, sizes = averaged.shape
    observed = abs(float((averaged @ x).sum()))
    # Slightly below, so that rounding does not drop permutations that give the same slope.
    reached = observed - 1e-9 * max(observed, 1.0)
    if math.factorial(sizes) ** seeds <= EXACT_LIMIT:
        orders = np.array(list(itertools.permutations(range(sizes))))
        sums = np.zeros(1)
        for row in averaged:
            sums = (sums[:, None] + (row[orders] @ x)[None, :]).ravel()
        return float((np.abs(sums) >= reached).mean())
    rng = np.random.default_rng(0)
    order = rng.random((EXACT_LIMIT, seeds, sizes)).argsort(axis=2)
    sums = (np.take_along_axis(np.broadcast_to(averaged, order.shape), order, axis=2) @ x).sum(axis=1)
    return float((1 + (np.abs(sums) >= reached).sum()) / (1 + EXACT_LIMIT))


def match_amounts(points: dict[tuple[int, int], list[tuple[float, float]]]) -> Table | NotMeasured:
    """Interpolate every model's persistence at amounts of change that all of them reached.

    `points` holds (amount, persistence) for each dose of a (size, seed). The untrained model, amount 0 and
    persistence 1, is a point of every line by definition. Nothing is extrapolated.
    """
    if not points:
        return NotMeasured("the amount of change was not measured")
    if any(len(doses) < 2 for doses in points.values()):
        return NotMeasured("matching needs two doses or more of every size and seed")
    common = min(max(amount for amount, _ in doses) for doses in points.values())
    if common <= 0:
        return NotMeasured("some models did not change by a positive amount at any dose")
    targets = [share * common for share in MATCH_SHARES]
    return {cell: dict(zip(targets, _interpolate(doses, targets), strict=True)) for cell, doses in points.items()}


def _interpolate(doses: list[tuple[float, float]], targets: list[float]) -> list[float]:
    by_amount: dict[float, list[float]] = {0.0: [1.0]}
    for amount, value in doses:
        if amount > 0:
            by_amount.setdefault(amount, []).append(value)
    amounts = sorted(by_amount)
    values = [fmean(by_amount[amount]) for amount in amounts]
    return [float(value) for value in np.interp(targets, amounts, values)]
