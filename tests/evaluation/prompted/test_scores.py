import itertools
import random
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dormouse.evaluation.prompted.scores import (
    best_rows,
    median_interval,
    pass_at_k,
    pass_rows,
    prompt_rows,
    ranked_right,
)


def test_the_likeliest_choice_must_be_the_right_one_and_a_tie_is_wrong():
    assert ranked_right([-1.0, -2.0], 0)
    assert not ranked_right([-1.0, -2.0], 1)
    assert not ranked_right([-1.0, -1.0], 0)


def test_the_median_is_that_over_prompts():
    right = {"a": [True] * 10, "b": [True] * 6 + [False] * 4, "c": [False] * 10}
    rows = {(row["metric"], row["family"]): row for row in prompt_rows("accuracy", "meadow", right)}
    assert rows["accuracy", "meadow: a"]["value"] == 1.0
    assert rows["accuracy_median", "meadow"]["value"] == 0.6
    assert rows["accuracy_worst", "meadow"]["value"] == 0.0
    assert rows["accuracy_best", "meadow"]["value"] == 1.0
    low, high = (rows["accuracy_median", "meadow"][end] for end in ("low", "high"))
    assert low < 0.6 < high


def test_without_questions_nothing_is_measured():
    [row] = prompt_rows("accuracy", "meadow", {"a": []})
    assert (row["value"], row["reason"]) == (None, "no question was asked")


def test_the_bootstrap_interval_covers_the_truth():
    rng, covered = random.Random(0), 0
    for _ in range(60):
        columns = [[rng.random() < 0.7 for _ in range(80)]]
        low, high = median_interval(columns, 200)
        covered += low <= 0.7 <= high
    assert covered >= 50


def test_pass_at_k_is_one_minus_the_chance_that_no_draw_passes():
    assert pass_at_k(10, 0, 5) == 0.0
    assert pass_at_k(10, 10, 1) == 1.0
    assert pass_at_k(10, 3, 1) == pytest.approx(0.3)
    assert pass_at_k(10, 6, 5) == 1.0
    with pytest.raises(ValueError, match="need 0 <= c <= n"):
        pass_at_k(3, 1, 4)


@given(st.integers(1, 9).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n))))
def test_pass_at_k_is_the_share_of_all_draws_of_k_samples_that_hold_one_that_passes(drawn):
    n, c, k = drawn
    draws = list(itertools.combinations([i < c for i in range(n)], k))
    assert pass_at_k(n, c, k) == pytest.approx(fmean(any(draw) for draw in draws))


def test_the_best_temperature_is_reported_for_each_k_without_an_interval():
    cold = pass_rows("clean", 0.2, [[True, True, False, False], [False] * 4], [1, 4])
    warm = pass_rows("clean", 0.8, [[True, False, False, False], [True, False, False, False]], [1, 4])
    assert [row["value"] for row in cold] == [0.25, 0.5]
    assert [row["value"] for row in warm] == [0.25, 1.0]
    best = best_rows([*cold, *warm])
    assert [(row["metric"], row["value"], row["family"], row["low"]) for row in best] == [
        ("pass_at_1", 0.25, "", None),
        ("pass_at_4", 1.0, "", None),
    ]
