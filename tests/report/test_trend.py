import math
import random

import pytest

from dormouse.report.claims import trend
from dormouse.report.claims.trend import Trend, fit_trend, match_amounts
from dormouse.results.rates import NotMeasured

SIZES = (100_000, 1_000_000, 10_000_000)


def table(value, sizes=SIZES, seeds=3, levels=(1.0,)):
    return {
        (size, seed): {level: value(size, seed, level) for level in levels} for size in sizes for seed in range(seeds)
    }


def rising(size, seed, level):
    return 0.2 + 0.3 * math.log10(size / 1e5)


def test_a_planted_slope_is_found():
    found = fit_trend(table(rising))
    assert found.slope == pytest.approx(0.3)
    assert (found.low, found.high) == (pytest.approx(0.3), pytest.approx(0.3))
    # Of the 6^3 ways to order three sizes in three seeds, two are as steep: all upward, all downward.
    assert found.p == pytest.approx(2 / 216)
    assert (found.lowest, found.highest) == (pytest.approx(0.2), pytest.approx(0.8))


def test_a_falling_slope_is_as_significant_as_a_rising_one():
    up, down = fit_trend(table(rising)), fit_trend(table(lambda *cell: 1 - rising(*cell)))
    assert (down.slope, down.p) == (pytest.approx(-up.slope), up.p)


def test_shuffled_sizes_are_found_no_more_often_than_the_level_of_the_test():
    rng = random.Random(0)
    found = 0
    for _ in range(400):
        orders = {seed: rng.sample(SIZES, len(SIZES)) for seed in range(3)}
        shuffled = table(lambda size, seed, level, orders=orders: rising(orders[seed].index(size) + 1e5, seed, level)
                         + 0.3 * orders[seed].index(size) + rng.gauss(0, 0.02))  # fmt: skip
        found += fit_trend(shuffled).p < 0.05
    # Two standard errors above 5% of 400.
    assert found <= 28


def test_sizes_that_do_not_differ_have_no_slope():
    found = fit_trend(table(lambda *cell: 0.5))
    assert (found.slope, found.p) == (0, 1)


def test_more_doses_of_the_same_models_are_no_more_evidence():
    rng = random.Random(3)
    noise = {(size, seed): rng.random() for size in SIZES for seed in range(4)}

    def value(size, seed, level):
        return noise[size, seed]

    assert fit_trend(table(value, seeds=4)).p == fit_trend(table(value, seeds=4, levels=(0.3, 1.0, 3.0))).p


def test_seeds_that_disagree_widen_the_interval():
    def value(size, seed, level):
        return rising(size, seed, level) * (0.5 + 0.5 * seed)

    found = fit_trend(table(value))
    assert found.low < 0.3 < found.high
    assert found.high - found.low > 0.3


def test_drawn_permutations_give_nearly_the_exact_p(monkeypatch):
    rng = random.Random(2)
    noise = {(size, seed): rng.random() for size in SIZES for seed in range(4)}
    noisy = table(lambda size, seed, level: noise[size, seed] + 0.4 * rising(size, seed, level), seeds=4)
    exact = fit_trend(noisy)
    monkeypatch.setattr(trend, "EXACT_LIMIT", 1000)
    drawn = fit_trend(noisy)
    assert drawn.p != exact.p
    assert drawn.p == pytest.approx(exact.p, abs=0.04)
    assert fit_trend(noisy).p == drawn.p


@pytest.mark.parametrize(
    ("sizes", "seeds", "reason"),
    [
        (SIZES[:2], 3, "2 sizes, and a trend needs 3"),
        (SIZES[:1], 3, "1 size, and a trend needs 3"),
        (SIZES, 2, "2 seeds with every size and dose, and a trend needs 3"),
        (SIZES, 1, "1 seed with every size and dose, and a trend needs 3"),
    ],
)
def test_too_little_data_is_no_trend_and_says_so(sizes, seeds, reason):
    assert fit_trend(table(rising, sizes, seeds)) == NotMeasured(reason)


def test_a_seed_that_lacks_a_size_or_dose_is_left_out():
    whole = table(rising, seeds=4, levels=(0.3, 1.0))
    del whole[SIZES[1], 3][0.3]
    found = fit_trend(whole)
    assert isinstance(found, Trend)
    assert found.seeds == 3


def test_matched_amounts_are_read_off_each_models_own_line():
    # Persistence falls by half for each unit moved, whatever dose it took to get there.
    doses = {(SIZES[0], 0): (0.5, 1.6), (SIZES[1], 0): (0.2, 0.8), (SIZES[2], 0): (0.4, 1.0)}
    points = {cell: [(amount, 1 - amount / 2) for amount in amounts] for cell, amounts in doses.items()}
    matched = match_amounts(points)
    for found in matched.values():
        assert list(found) == [pytest.approx(amount) for amount in (0.4, 0.6, 0.8)]
        assert list(found.values()) == [pytest.approx(left) for left in (0.8, 0.7, 0.6)]


def test_nothing_is_matched_beyond_what_every_model_reached():
    matched = match_amounts({(SIZES[0], 0): [(0.1, 0.9), (0.2, 0.8)], (SIZES[1], 0): [(1.0, 0.5), (5.0, 0.0)]})
    assert all(max(found) == pytest.approx(0.2) for found in matched.values())


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        ({}, "the amount of change was not measured"),
        ({(1, 0): [(0.5, 0.5)]}, "matching needs two doses or more of every size and seed"),
        ({(1, 0): [(-0.1, 1.0), (-0.2, 1.0)]}, "some models did not change by a positive amount at any dose"),
    ],
)
def test_amounts_that_cannot_be_matched_say_why(points, reason):
    assert match_amounts(points) == NotMeasured(reason)
