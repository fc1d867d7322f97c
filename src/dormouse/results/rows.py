"""What a measurement returns: rows with an interval or a reason, as `rows.jsonl` and `samples.jsonl` hold them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import NormalDist, fmean, stdev
from typing import Any

from dormouse.results.rates import Rate, tally

Row = dict[str, Any]
"""One number: the keys of `make_row`, and `step`, which the stage fills in."""

Z95 = NormalDist().inv_cdf(0.975)


def make_row(metric: str, prompts: str, unit: str, *, family: str = "", **cells: Any) -> Row:
    """Return a row with every key; what is not in `cells` is None."""
    empty = dict.fromkeys(("value", "hits", "total", "unscorable", "low", "high"))
    row = {"step": None, "metric": metric, "prompts": prompts, "family": family, **empty, "unit": unit, "reason": ""}
    return row | cells


def rate_row(metric: str, prompts: str, scores: Sequence[bool | None], *, family: str = "") -> Row:
    """Return a proportion with its Wilson interval; None among the scores is unscorable, kept apart from False."""
    rate = tally(list(scores))
    if not isinstance(rate, Rate):
        return make_row(metric, prompts, "fraction", family=family, unscorable=len(scores), reason=rate.reason)
    low, high = rate.interval
    cells = {"value": rate.value, "hits": rate.hits, "total": rate.total, "unscorable": rate.unscorable}
    return make_row(metric, prompts, "fraction", family=family, low=low, high=high, **cells)


def mean_row(metric: str, prompts: str, values: Sequence[float], unit: str) -> Row:
    """Return a mean with the normal 95% interval of the mean; one value alone has no interval."""
    if not values:
        return make_row(metric, prompts, unit, reason="no sample was drawn")
    half = Z95 * stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None
    return _around(make_row(metric, prompts, unit, value=fmean(values), total=len(values)), half)


def mean_per_token_row(metric: str, prompts: str, replies: Sequence[Sequence[float]], unit: str) -> Row:
    """Return the mean over all tokens of all replies; `total` counts replies.

    Tokens of one reply hang together, so the interval is that of a ratio of sums over replies (Cochran 1977, eq. 6.9).
    """
    n, tokens = len(replies), sum(len(reply) for reply in replies)
    if not tokens:
        return make_row(metric, prompts, unit, reason="no sample was drawn")
    mean = sum(sum(reply) for reply in replies) / tokens
    squares = sum((sum(reply) - mean * len(reply)) ** 2 for reply in replies)
    half = Z95 * math.sqrt(squares * n / (n - 1)) / tokens if n > 1 else None
    return _around(make_row(metric, prompts, unit, value=mean, total=n), half)


def _around(row: Row, half: float | None) -> Row:
    return row if half is None else row | {"low": row["value"] - half, "high": row["value"] + half}


def write_jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write one JSON object a line; a number that is not finite is our bug and raises."""
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """Return the objects of a file that `write_jsonl` wrote."""
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]
