"""The 95% interval of a bootstrap: percentiles of a statistic over resampled groups."""

from __future__ import annotations

from collections.abc import Sequence


def percentiles(drawn: Sequence[float]) -> tuple[float, float]:
    """Return the 2.5% and the 97.5% percentile of values, of which there must be one at least."""
    ordered = sorted(drawn)
    last = len(ordered) - 1
    return ordered[round(0.025 * last)], ordered[round(0.975 * last)]
