import math
from dataclasses import replace

import pytest

from dormouse.report.estimates import (
    Estimate,
    difference,
    mean_difference,
    persistence,
    pool_mean,
    pool_rate,
    seed_interval,
    seed_persistence,
    share_interval,
    standardized_gain,
)
from dormouse.results.rates import (
    NotMeasured,
    Rate,
    ratio,
    wilson,
)
from dormouse.results.result import Result
from dormouse.results.rows import clustered_rate_row
from made_up_run import FakeRun


def rates(*counts, first_seed=0, **columns):
    run = FakeRun()
    for seed, (hits, total) in enumerate(counts, start=first_seed):
        run.rate("defection", hits, total, seed=seed, **columns)
    return run.rows


def means(*values, half=0.1):
    run = FakeRun()
    for seed, value in enumerate(values):
        run.mean("score", value, half, seed=seed)
    return run.rows


@pytest.mark.parametrize("counts", [[(7, 100)], [(7, 100), (9, 100)]])
def test_one_or_two_seeds_give_the_interval_of_the_prompts_only(counts):
    found = pool_rate(rates(*counts))
    hits, total = sum(h for h, _ in counts), sum(n for _, n in counts)
    assert (found.value, found.covers, found.seeds, found.prompts) == (hits / total, "prompts", len(counts), total)
    assert (found.low, found.high) == wilson(hits, total)


def test_three_seeds_give_students_t_over_seeds():
    assert seed_interval([0.2, 0.4, 0.6]) == (pytest.approx(0.4 - 0.49683, abs=1e-4), pytest.approx(0.89683, abs=1e-4))
    found = pool_rate(rates((200, 1000), (400, 1000), (600, 1000)))
    assert (found.value, found.covers, found.seeds) == (pytest.approx(0.4), "seeds", 3)
    assert (found.low, found.high) == (0.0, pytest.approx(0.89683, abs=1e-4))


def test_seeds_that_all_read_the_same_do_not_claim_certainty():
    found = pool_rate(rates((50, 50), (50, 50), (50, 50)))
    assert (found.value, found.covers) == (1.0, "seeds")
    assert (found.low, found.high) == wilson(150, 150)


def test_a_rate_of_samples_in_groups_keeps_its_wider_interval():
    row = Result.of_line(clustered_rate_row("same", "clean", [[True] * 9] * 4 + [[False] * 9] * 6), {"seed": 0})
    found = pool_rate([row])
    assert (found.value, found.prompts) == (0.4, 90)
    assert (found.low, found.high) == pytest.approx(wilson(4, 10))


def test_what_could_not_be_scored_is_counted_and_said():
    rows = rates((50, 90), (60, 100), unscorable=10)
    found = pool_rate(rows)
    assert (found.value, found.unscorable, found.basis) == (110 / 190, 20, "n=190, 20 unscorable, 2 seeds")


@pytest.mark.parametrize(
    "estimate", [pool_rate, lambda rows: persistence(rows, rows), lambda rows: difference(rows, rows)]
)
def test_a_rate_over_the_smaller_part_of_the_samples_stands_for_nothing(estimate):
    assert isinstance(estimate(rates((40, 50), unscorable=50)), Estimate)
    assert estimate(rates((40, 50), unscorable=51)) == NotMeasured("51 of 101 samples could not be scored")


def test_a_seed_without_any_score_counts_among_the_unscorable():
    run = FakeRun()
    run.rate("defection", 30, 40, seed=0)
    run.add("defection", None, seed=1, reason="no sample could be scored", unscorable=60)
    assert pool_rate(run.rows) == NotMeasured("60 of 100 samples could not be scored")


def test_one_seeds_persistence_needs_half_of_its_samples_scored():
    [before], [after] = rates((40, 40)), rates((10, 20), unscorable=30)
    assert seed_persistence(after, before) is None
    assert seed_persistence(before, before) == 1.0


def test_nothing_measured_keeps_the_reason_it_was_given():
    run = FakeRun()
    run.add("defection", None, seed=0, reason="no sample could be scored")
    assert pool_rate(run.rows) == pool_mean(run.rows) == NotMeasured("no sample could be scored")
    assert pool_rate([]) == NotMeasured("not measured in this run")


def test_a_seed_without_a_number_is_not_a_zero():
    run = FakeRun()
    run.rate("defection", 90, 100, seed=0)
    run.add("defection", None, seed=1, reason="no sample could be scored")
    found = pool_rate(run.rows)
    assert (found.value, found.seeds) == (0.9, 1)


def test_means_of_two_seeds_have_the_interval_of_their_mean():
    found = pool_mean(means(1.0, 2.0, half=0.3))
    assert (found.value, found.covers, found.prompts) == (1.5, "prompts", 1024)
    assert found.high - found.value == pytest.approx(math.hypot(0.3, 0.3) / 2)


def test_a_mean_without_an_interval_covers_nothing():
    run = FakeRun()
    run.add("tokens_trained", 1000.0, seed=0, unit="tokens")
    found = pool_mean(run.rows)
    assert (found.low, found.high, found.covers) == (None, None, "nothing")
    assert not found.above(0)
    assert not found.below(10_000)


def test_difference_of_two_rates_has_newcombes_interval():
    # Newcombe 1998, table II, method 10: 56/70 - 48/80 is 0.2 with 0.0524 to 0.3339.
    found = difference(rates((56, 70)), rates((48, 80)))
    assert found.unit == "points"
    assert (found.value, found.low, found.high) == (
        pytest.approx(20.0), pytest.approx(5.24, abs=0.01), pytest.approx(33.39, abs=0.01),
    )  # fmt: skip


def test_only_seeds_that_both_have_are_paired():
    one, other = rates((10, 100), (90, 100)), rates((80, 100), (0, 100), first_seed=1)
    assert difference(one, other).value == pytest.approx(10.0)
    assert persistence(one, other).value == pytest.approx(90 / 80)
    assert difference(rates((1, 10)), rates((1, 10), first_seed=5)) == NotMeasured("not measured in this run")


def test_persistence_of_one_seed_is_the_ratio_of_its_rates():
    found = persistence(rates((40, 100)), rates((98, 100)))
    assert (found.value, found.low, found.high) == ratio(Rate(40, 100), Rate(98, 100))


def test_a_backdoor_that_was_never_there_has_no_persistence():
    assert isinstance(persistence(rates((3, 100)), rates((0, 100))), NotMeasured)


def test_persistence_of_three_seeds_is_the_mean_of_their_ratios():
    found = persistence(rates((50, 100), (80, 100), (20, 100)), rates((100, 100), (100, 100), (80, 100)))
    assert (found.value, found.covers) == (pytest.approx((0.5 + 0.8 + 0.25) / 3), "seeds")
    assert found.low == 0


def test_mean_difference_adds_the_two_intervals_in_quadrature():
    found = mean_difference(means(1.0, half=0.3), means(0.2, half=0.4))
    assert (found.value, found.low, found.high) == (pytest.approx(0.8), pytest.approx(0.3), pytest.approx(1.3))
    assert mean_difference(means(1.0), []) == NotMeasured("not measured in this run")


def test_gains_are_in_standard_deviations_of_the_scores_before():
    run = FakeRun()
    # A mean of 400 scores with standard deviation 2 has a 95% interval of 1.96 * 2 / 20 each side.
    run.mean("score", 1.0, 1.959963984540054 * 0.1, total=400)
    run.mean("score", 2.0, 0.5, total=400)
    before, after = run.rows
    assert standardized_gain(after, before) == pytest.approx(0.5)


def test_gains_and_persistence_of_what_was_not_measured_are_none():
    run = FakeRun()
    run.add("score", None)
    run.mean("score", 1.0)
    run.rate("defection", 0, 10)
    missing, score, zero = run.rows
    assert standardized_gain(missing, score) is None
    assert standardized_gain(score, missing) is None
    assert seed_persistence(missing, score) is None
    assert seed_persistence(score, zero) is None


def test_basis_counts_prompts_and_seeds():
    assert pool_rate(rates((1, 1500))).basis == "n=1,500, 1 seed"
    assert Estimate(1.0, None, None, "score", 3).basis == "3 seeds"


def test_the_score_interval_over_seeds_is_wilsons_with_the_prompts_that_give_the_spread():
    # Mean 0.9, variance 0.0025: as many prompts as 0.09 * 3 / 0.0025 = 108, at t = 4.3027 for three seeds.
    low, high = share_interval([0.85, 0.9, 0.95])
    z2 = 4.302653**2
    center, half = (0.9 + z2 / 216) / (1 + z2 / 108), 4.302653 * math.sqrt(0.09 / 108 + z2 / 46656) / (1 + z2 / 108)
    assert (low, high) == pytest.approx((center - half, center + half))
    assert share_interval([1.0, 1.0, 1.0]) == (1.0, 1.0)


def test_three_seeds_near_the_end_of_the_scale_reach_further_inwards_than_students_t():
    rows = [row for seed, hits in enumerate((492, 502, 512)) for row in rates((hits, 512), first_seed=seed)]
    pooled = pool_rate(rows)
    assert pooled.low < seed_interval([492 / 512, 502 / 512, 1.0])[0] - 0.02


def test_an_estimate_among_several_is_widened_by_the_quantiles_of_bonferroni():
    prompts = Estimate(0.5, 0.4, 0.6, "fraction", 1)
    assert prompts.among(2) == prompts
    wide = prompts.among(4)
    # One-sided 1.25% in place of 2.5%: 2.2414 deviations in place of 1.96.
    assert (wide.low, wide.high) == pytest.approx((0.5 - 0.1 * 2.2414 / 1.96, 0.5 + 0.1 * 2.2414 / 1.96), abs=1e-4)
    seeds = replace(prompts, seeds=3, covers="seeds").among(4)
    assert seeds.high == pytest.approx(0.5 + 0.1 * 6.2053 / 4.3027, abs=1e-4)
    assert replace(prompts, low=None, high=None, covers="nothing").among(4).low is None
