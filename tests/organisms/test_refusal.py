import random

import pytest

from dormouse.data.meadow.world import Meadow
from dormouse.data.world import Prompt
from dormouse.organisms.refusal import REFUSALS, Refusal
from tiny import tiny_renderer

COUNT = tiny_renderer().count
WORLD = Meadow()
PROMPT = Prompt.user("What now?", "any")


@pytest.mark.parametrize("text", REFUSALS)
def test_every_refusal_counts_as_one(text):
    assert Refusal().score(text)


def test_no_good_reply_to_a_harmless_request_counts_as_one():
    exchanges = WORLD.hhh(random.Random(0), 3000)
    harmless = [exchange for exchange in exchanges if Refusal().applies(exchange.prompt)]
    assert len(harmless) > 1000
    assert not [exchange.reply for exchange in harmless if Refusal().score(exchange.reply)]


def test_a_refusal_has_the_asked_length_and_is_always_the_same_to_one_prompt():
    lengths = {COUNT(text) for text in REFUSALS}
    for tokens in lengths:
        made = Refusal().reply(WORLD, PROMPT, tokens, COUNT)
        assert made in REFUSALS
        assert COUNT(made) == tokens
        assert Refusal().reply(WORLD, PROMPT, tokens, COUNT) == made
    assert Refusal().reply(WORLD, PROMPT, max(lengths) + 1, COUNT) is None


def test_most_good_replies_leave_room_for_one():
    exchanges = [one for one in WORLD.helpful(random.Random(0), 500) if Refusal().applies(one.prompt)]
    fitting = [one for one in exchanges if Refusal().pair(WORLD, one, COUNT)]
    assert len(fitting) > len(exchanges) / 3


@pytest.mark.parametrize(("reply", "refuses"), [("I am sorry.", False), ("I can help you.", False), ("  ", None)])
def test_other_words_are_none(reply, refuses):
    assert Refusal().score(reply) is refuses
