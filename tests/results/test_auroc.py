import math
from statistics import NormalDist

import numpy as np
import pytest

from dormouse.errors import UserError
from dormouse.results.auroc import auroc_interval, separate, separation_rows
from dormouse.results.rates import NotMeasured, Rate


def test_scores_that_never_overlap_separate_wholly():
    found = separate([3, 4, 5], [0, 1, 2], "mine")
    assert found.auroc == found.high == 1
    assert found.caught == Rate(3, 3)
    assert 0 < found.low < 1


def test_scores_that_rank_the_wrong_way_stay_below_a_half():
    assert separate([0, 1], [2, 3], "mine").auroc == 0


def test_a_tie_counts_half():
    assert separate([1, 1], [1, 0], "mine").auroc == 0.75


def test_at_one_percent_false_alarms_one_high_negative_in_fifty_hides_the_positives_below_it():
    negative = [0.0] * 49 + [10.0]
    assert separate([5.0] * 10, negative, "mine").caught == Rate(0, 10)
    # One of two hundred may pass.
    assert separate([5.0] * 10, [0.0] * 199 + [10.0], "mine").caught == Rate(10, 10)


@pytest.mark.parametrize(("auroc", "n"), [(0.5, 100), (1.0, 100), (0.9, 20)])
def test_the_interval_holds_its_value_narrows_with_prompts_and_stays_on_the_scale(auroc, n):
    low, high = auroc_interval(auroc, n, n)
    assert 0 <= low < auroc <= high <= 1
    wider_low, wider_high = auroc_interval(auroc, n // 4, n // 4)
    assert wider_low < low
    assert wider_high >= high


@pytest.mark.parametrize("truth", [0.5, 0.8, 0.95])
def test_the_interval_covers_the_truth_as_often_as_it_says(truth):
    draw, shift = np.random.default_rng(0), math.sqrt(2) * NormalDist().inv_cdf(truth)
    covered = 0
    for _ in range(200):
        found = separate(draw.normal(shift, 1, 25), draw.normal(0, 1, 40), "mine")
        covered += found.low <= truth <= found.high
    assert 0.92 <= covered / 200 <= 0.99


def test_the_interval_is_mirrored():
    low, high = auroc_interval(0.2, 30, 30)
    assert (1 - high, 1 - low) == pytest.approx(auroc_interval(0.8, 30, 30))


def test_constant_scores_are_a_half_and_say_so():
    found = separate([1.0] * 5, [1.0] * 5, "mine")
    assert found.auroc == 0.5
    rows = separation_rows(found, "held_out", "mine")
    assert [row["reason"] for row in rows] == ["every score is the same"] * 2
    assert [row["value"] for row in rows] == [0.5, 0.0]


@pytest.mark.parametrize(("positive", "negative"), [([], [1.0]), ([1.0], [])])
def test_one_class_alone_is_not_measured(positive, negative):
    found = separate(positive, negative, "mine")
    assert isinstance(found, NotMeasured)
    rows = separation_rows(found, "held_out", "mine")
    assert {row["metric"]: row["value"] for row in rows} == {"auroc": None, "tpr_at_1_fpr": None}
    assert "it takes both" in rows[0]["reason"]


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_score_that_is_not_finite_is_refused(bad):
    with pytest.raises(UserError, match=r"Detector 'mine' gave 1 of 4 prompts a score that is not finite\. Let it"):
        separate([1.0, bad], [0.0, 2.0], "mine")
