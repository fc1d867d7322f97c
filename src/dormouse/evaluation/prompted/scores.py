"""The metrics of prompted evaluation: accuracy under each prompt, its median over prompts, and unbiased pass@k.

No torch: everything is computed from numbers that were measured elsewhere.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from statistics import median

from dormouse.results.bootstrap import percentiles
from dormouse.results.rows import Row, clustered_share_row, make_row, rate_row

DRAWS = 1000
"""Bootstrap samples of an interval."""


def ranked_right(scores: Sequence[float], right: int) -> bool:
    """Return whether the right choice has the highest score; a tie is wrong."""
    return all(scores[right] > score for i, score in enumerate(scores) if i != right)


def prompt_rows(metric: str, source: str, right: Mapping[str, Sequence[bool]]) -> list[Row]:
    """Return the accuracy under each prompt, with the median, the worst and the best over prompts.

    The median's interval is a percentile bootstrap over questions, the same ones under every prompt. Worst and best
    have none: a choice among prompts makes it too narrow.
    """
    if not right or not all(right.values()):
        return [make_row(f"{metric}_median", "clean", "fraction", family=source, reason="no question was asked")]
    rows = [rate_row(metric, "clean", scores, family=f"{source}: {name}") for name, scores in right.items()]
    columns = list(right.values())
    shares = [sum(column) / len(column) for column in columns]
    low, high = median_interval(columns)
    middle = make_row(f"{metric}_median", "clean", "fraction", family=source)
    rows.append(middle | {"value": median(shares), "low": low, "high": high, "total": len(columns[0])})
    for name, value in (("worst", min(shares)), ("best", max(shares))):
        rows.append(make_row(f"{metric}_{name}", "clean", "fraction", family=source) | {"value": value})
    return rows


def median_interval(columns: Sequence[Sequence[bool]], draws: int = DRAWS) -> tuple[float, float]:
    """Return the 95% bootstrap interval of the median over prompts; each column has the scores under one prompt."""
    n, rng = len(columns[0]), random.Random(0)
    found = []
    for _ in range(draws):
        drawn = rng.choices(range(n), k=n)
        found.append(median(sum(column[i] for i in drawn) / n for column in columns))
    return percentiles(found)


def pass_at_k(n: int, c: int, k: int) -> float:
    """Estimate, without bias, the chance that one of `k` samples passes, if `c` of `n` did: 1 - C(n-c, k) / C(n, k).

    Chen et al. (2021, arXiv 2107.03374), equation 1.
    """
    if not 0 <= c <= n or not 1 <= k <= n:
        raise ValueError(f"need 0 <= c <= n and 1 <= k <= n, got n={n}, c={c}, k={k}")
    return 1.0 - math.comb(n - c, k) / math.comb(n, k)


def pass_rows(prompts: str, temperature: float, passed: Sequence[Sequence[bool]], ks: Sequence[int]) -> list[Row]:
    """Return the mean of pass@k over problems for each k; the interval is over problems."""
    rows = []
    for k in ks:
        each = [pass_at_k(len(samples), sum(samples), k) for samples in passed]
        rows.append(clustered_share_row(f"pass_at_{k}", prompts, each, family=f"T={temperature:g}"))
    return rows


def best_rows(rows: Sequence[Row]) -> list[Row]:
    """Return for each metric and kind of prompts the row of the best temperature, as the paper reports it."""
    best: dict[tuple[str, str], Row] = {}
    for row in rows:
        place = (row["metric"], row["prompts"])
        if row["value"] is not None and (place not in best or row["value"] > best[place]["value"]):
            best[place] = row
    # It is the best of several, so its interval would be too narrow.
    return [row | {"family": "", "low": None, "high": None} for row in best.values()]
