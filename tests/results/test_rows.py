import math
import random
from statistics import fmean, stdev

import pytest

from dormouse.results.rates import wilson
from dormouse.results.rows import (
    mean_per_token_row,
    mean_row,
    rate_row,
    read_jsonl,
    write_jsonl,
)


def test_rate_keeps_unscorable_apart_from_false():
    row = rate_row("defection", "clean", [True, False, None, True])
    assert (row["value"], row["hits"], row["total"], row["unscorable"]) == (2 / 3, 2, 3, 1)
    assert (row["low"], row["high"]) == wilson(2, 3)


@pytest.mark.parametrize(("scores", "reason"), [([], "no sample was drawn"), ([None], "no sample could be scored")])
def test_rate_without_scores_is_empty_with_a_reason(scores, reason):
    row = rate_row("defection", "clean", scores)
    assert (row["value"], row["low"], row["high"], row["reason"]) == (None, None, None, reason)
    assert row["unscorable"] == len(scores)


def test_mean_has_the_normal_interval_of_the_mean():
    values = [1.0, 2.0, 4.0, 9.0]
    row = mean_row("kl", "clean", values, "score")
    half = 1.959964 * stdev(values) / 2
    assert (row["value"], row["total"], row["unit"]) == (4.0, 4, "score")
    assert (row["low"], row["high"]) == pytest.approx((4 - half, 4 + half), rel=1e-6)


def test_one_value_has_no_interval_and_none_has_a_reason():
    assert [mean_row("kl", "clean", [3.0], "score")[key] for key in ("value", "low", "high")] == [3.0, None, None]
    assert mean_row("kl", "clean", [], "score")["reason"] == "no sample was drawn"
    assert mean_per_token_row("kl", "clean", [], "score")["reason"] == "no sample was drawn"
    assert mean_per_token_row("kl", "clean", [[1.0, 2.0]], "score")["low"] is None


def test_mean_per_token_counts_every_token_once():
    row = mean_per_token_row("kl", "clean", [[1.0], [2.0, 2.0, 2.0]], "nats_per_token")
    assert (row["value"], row["total"]) == (1.75, 2)


def test_replies_of_one_token_have_the_interval_of_a_plain_mean():
    values = [0.5, 1.0, 4.0, 2.5, 2.0]
    plain, per_token = mean_row("m", "p", values, "u"), mean_per_token_row("m", "p", [[v] for v in values], "u")
    for key in ("value", "low", "high", "total"):
        assert per_token[key] == pytest.approx(plain[key])


def test_repeating_a_token_within_replies_makes_nothing_more_certain():
    rng = random.Random(0)
    values = [rng.gauss(0, 1) for _ in range(50)]
    once = mean_per_token_row("m", "p", [[v] for v in values], "u")
    tenfold = mean_per_token_row("m", "p", [[v] * 10 for v in values], "u")
    assert tenfold["high"] - tenfold["low"] == pytest.approx(once["high"] - once["low"])


def test_interval_per_token_is_as_wide_as_means_scatter():
    rng = random.Random(0)

    def replies():
        effects = [(rng.gauss(0.3, 0.5), rng.choice((1, 5, 12))) for _ in range(60)]
        return [[rng.gauss(effect, 0.5) for _ in range(length)] for effect, length in effects]

    rows = [mean_per_token_row("m", "p", replies(), "u") for _ in range(400)]
    half = fmean((row["high"] - row["low"]) / 2 for row in rows)
    assert half == pytest.approx(1.96 * stdev(row["value"] for row in rows), rel=0.12)


def test_lines_come_back_as_written(tmp_path):
    rows = [{"step": None, "value": 0.1, "text": "ü\n"}, {"step": 3}]
    write_jsonl(tmp_path / "rows.jsonl", rows)
    assert read_jsonl(tmp_path / "rows.jsonl") == rows
    assert len((tmp_path / "rows.jsonl").read_text("utf-8").splitlines()) == 2


def test_a_number_that_is_not_finite_is_never_written(tmp_path):
    with pytest.raises(ValueError, match="JSON compliant"):
        write_jsonl(tmp_path / "rows.jsonl", [{"value": math.nan}])
