import math
import random
from statistics import fmean, stdev

import pytest

from dormouse.results.rates import Rate, tally_groups, wilson
from dormouse.results.result import Result
from dormouse.results.rows import (
    clustered_rate_row,
    clustered_share_row,
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


def test_a_clustered_rate_of_single_samples_is_a_plain_one():
    scores = [True, False, None, True]
    plain = rate_row("same", "clean", scores, family="f")
    assert clustered_rate_row("same", "clean", [[score] for score in scores], family="f") == plain
    assert clustered_rate_row("same", "clean", [[None], []]) == rate_row("same", "clean", [None])


def test_a_clustered_rate_counts_samples_and_its_interval_is_read_back():
    groups = [[True] * 8, [False] * 8, [True] * 6 + [None] * 2, [True] * 5 + [False] * 3]
    row = clustered_rate_row("same", "clean", groups)
    assert (row["hits"], row["total"], row["unscorable"]) == (19, 30, 2)
    assert row["high"] - row["low"] > 1.5 * (wilson(19, 30)[1] - wilson(19, 30)[0])
    read = Result.of_line(row, {}).rate
    assert read.interval == pytest.approx((row["low"], row["high"]))
    assert read.independent == pytest.approx(tally_groups(groups).independent)
    assert Result.of_line(rate_row("same", "clean", [True, False]), {}).rate == Rate(1, 2)


def test_shares_that_are_all_or_nothing_have_wilsons_interval_and_others_a_narrower_one():
    row = clustered_share_row("same", "clean", [1.0, 0.0, 1.0, None])
    assert (row["value"], row["total"], row["unscorable"], row["hits"]) == (2 / 3, 3, 1, None)
    assert (row["low"], row["high"]) == pytest.approx(wilson(2, 3))
    near = clustered_share_row("same", "clean", [0.6, 0.7, 0.7])
    assert 0 < row["low"] < near["low"] < 2 / 3 < near["high"] < row["high"]
    assert [clustered_share_row("same", "clean", given)["reason"] for given in ([], [None])] == [
        "no sample was drawn", "no sample could be scored",
    ]  # fmt: skip


def test_the_interval_of_shares_covers_the_truth_about_nineteen_times_in_twenty():
    rng = random.Random(0)
    rows = [clustered_share_row("m", "p", [rng.betavariate(1, 9) for _ in range(30)]) for _ in range(500)]
    assert sum(row["low"] <= 0.1 <= row["high"] for row in rows) / 500 > 0.92
    assert fmean(row["high"] - row["low"] for row in rows) < 0.6 * (wilson(3, 30)[1] - wilson(3, 30)[0])


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
