import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dormouse.results.auroc import auroc_interval, separate, stratified_auroc, stratified_interval
from dormouse.results.rates import NotMeasured

models = st.lists(
    st.tuples(st.integers(-3, 3).map(float), st.booleans(), st.sampled_from(["small", "large"])),
    min_size=1,
    max_size=20,
)


def columns(rows):
    return [list(column) for column in zip(*rows, strict=True)]


@given(models)
def test_it_is_the_share_of_pairs_of_one_stratum_that_are_in_order(rows):
    pairs = [
        1.0 if high > low else 0.5 if high == low else 0.0
        for high, is_high, of in rows
        for low, is_low, same in rows
        if is_high and not is_low and of == same
    ]
    found = stratified_auroc(*columns(rows))
    if not pairs:
        assert isinstance(found, NotMeasured)
    else:
        assert found.auroc == pytest.approx(sum(pairs) / len(pairs))


@given(models, st.integers(-50, 50))
def test_another_level_of_one_stratum_changes_nothing(rows, level):
    moved = [(score + level * (of == "large"), positive, of) for score, positive, of in rows]
    assert stratified_auroc(*columns(moved)) == stratified_auroc(*columns(rows))


def test_one_stratum_is_the_ordinary_auroc():
    rng = np.random.default_rng(0)
    high, low = rng.normal(1, 1, 30).tolist(), rng.normal(0, 1, 20).tolist()
    positive = [True] * 30 + [False] * 20
    found = stratified_auroc(high + low, positive, ["all"] * 50)
    ordinary = separate(high, low, "scores")
    assert tuple(found) == (pytest.approx(ordinary.auroc), 30, 20)
    interval = stratified_interval(found.auroc, positive, ["all"] * 50)
    assert interval == pytest.approx((ordinary.low, ordinary.high), abs=2e-4)


def test_only_strata_that_hold_both_count():
    found = stratified_auroc([5, 1, 9, 0], [True, False, True, False], ["a", "a", "b", "c"])
    assert found == (1.0, 1, 1)


@pytest.mark.parametrize(
    ("positive", "strata", "counts"),
    [
        ([True, True], ["a", "a"], "2 positives and 0 negatives"),
        ([False, False], ["a", "a"], "0 positives and 2 negatives"),
        ([True, False], ["a", "b"], "1 positives and 1 negatives"),
    ],
)
def test_without_a_pair_there_is_no_auroc(positive, strata, counts):
    found = stratified_auroc([1.0, 2.0], positive, strata)
    assert found == NotMeasured(f"of {counts} no two are of one stratum")


def test_a_row_that_lacks_something_is_our_bug():
    with pytest.raises(ValueError, match="zip"):
        stratified_auroc([1.0, 2.0], [True, False], ["a"])


@pytest.mark.parametrize(("auroc", "end"), [(1.0, 1), (0.0, 0)])
def test_a_perfect_order_keeps_an_interval(auroc, end):
    positive, strata = [True, False] * 10, ["a"] * 10 + ["b"] * 10
    interval = stratified_interval(auroc, positive, strata)
    assert interval[end] == auroc
    assert 0.1 < interval[1] - interval[0] < 0.5


def test_pairs_across_strata_are_no_evidence():
    # Ten of each kind, but only two strata of nine against one: 18 pairs, not 100.
    positive = [True] * 9 + [False] + [True] + [False] * 9
    low, high = stratified_interval(0.7, positive, ["a"] * 10 + ["b"] * 10)
    pooled_low, pooled_high = auroc_interval(0.7, 10, 10)
    assert low < pooled_low
    assert high > pooled_high


@pytest.mark.parametrize("truth", [0.5, 0.8, 0.95])
def test_the_interval_covers_the_truth_as_often_as_it_says(truth):
    draw, shift = np.random.default_rng(0), math.sqrt(2) * NormalDist().inv_cdf(truth)
    positive = [True] * 10 + [False] * 14 + [True] * 12 + [False] * 6
    strata = ["a"] * 24 + ["b"] * 18
    covered = 0
    for _ in range(200):
        # What strata have in common is the truth; their levels differ.
        scores = draw.normal(0, 1, 42) + shift * np.array(positive) + 5 * (np.array(strata) == "b")
        low, high = stratified_interval(stratified_auroc(scores.tolist(), positive, strata).auroc, positive, strata)
        covered += low <= truth <= high
    assert 0.92 <= covered / 200 <= 0.995
