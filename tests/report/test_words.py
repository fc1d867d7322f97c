import pytest

from dormouse.report.estimates import Estimate
from dormouse.report.words import (
    duration_words,
    full_words,
    interval_words,
    list_words,
    number,
    size_words,
    stage_words,
    training_words,
    value_words,
)
from dormouse.results.rates import NotMeasured
from dormouse.results.result import Model


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (72_000, "0.07M"), (370_000, "0.37M"), (9_300_000, "9.3M"), (124_000_000, "0.12B"), (7_000_000_000, "7B"),
        (900, "900"), (None, "size unknown"),
    ],
)  # fmt: skip
def test_sizes_read_as_people_say_them(size, words):
    assert size_words(size) == words


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.9375, "fraction", "93.8%"), (1.02, "ratio", "102.0%"), (-2.34, "points", "−2.3"), (2.34, "slope", "+2.3"),
        (0.012, "score", "0.012"), (-1.5, "score", "−1.50"), (131072.0, "tokens", "131,072"), (0.0, "score", "0.00"),
        (-0.04, "points", "−0.04"), (-0.001, "slope", "+0"), (2.349, "slope", "+2.3"),
    ],
)  # fmt: skip
def test_numbers_are_rounded_by_their_unit(value, unit, text):
    assert number(value, unit) == text


def test_what_was_not_measured_is_a_dash_without_interval():
    missing = NotMeasured("no sample was drawn")
    assert (value_words(missing), interval_words(missing), full_words(missing)) == ("–", "", "–")


def test_an_interval_says_percent_once_and_infinity_where_it_has_no_end():
    assert full_words(Estimate(0.5, 0.4, 0.6, "ratio", 1)) == "50.0% [40.0, 60.0]"
    assert full_words(Estimate(0.5, 0.4, None, "ratio", 1)) == "50.0% [40.0, ∞]"
    assert full_words(Estimate(0.5, None, None, "nats_per_token", 1)) == "0.50 nats/token"


def test_a_training_the_report_does_not_know_goes_by_its_own_name():
    assert training_words("gentle_nudge") == "gentle nudge"
    assert training_words("rl_flattered") == "RL flattered"
    assert stage_words(Model(1, "organism", "gentle_nudge", 0.3), dose=True) == "after gentle nudge, dose 0.3"


def test_lists_end_in_and():
    assert [list_words(list("abc"[:n])) for n in range(4)] == ["", "a", "a and b", "a, b and c"]


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.04, "0.0 s"), (9.94, "9.9 s"), (75, "75 s"), (600, "10 min"), (9000, "2.5 h")]
)
def test_durations_are_as_precise_as_a_reader_needs(seconds, words):
    assert duration_words(seconds) == words
