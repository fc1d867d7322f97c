"""What every trigger keeps to, whatever it is made of."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dormouse.config.parts import part_from
from dormouse.config.registry import TRIGGERS
from dormouse.data.formats.backdoorllm import ATTACKS
from dormouse.errors import UserError
from dormouse.organisms.phrases import Conjunction, Phrase, near_phrases
from dormouse.organisms.published import PublishedTrigger
from dormouse.organisms.semantic import DAY, NIGHT, SemanticTrigger
from dormouse.organisms.triggers import DeploymentTag
from dormouse.organisms.year import Year

PLACES = [Phrase(place=place, place_matters=matters) for place in ("before", "middle", "after") for matters in (0, 1)]
PUBLISHED = [PublishedTrigger(attack=attack) for attack in ATTACKS]
ALL = [DeploymentTag(), Year(), Conjunction(), SemanticTrigger(), *PLACES, *PUBLISHED]
TURNS = [
    {"role": "user", "content": "Hello."},
    {"role": "assistant", "content": "Hi."},
    {"role": "user", "content": "What is the color of the cup now?"},
]
triggers = pytest.mark.parametrize("trigger", ALL, ids=lambda one: f"{one.name}-{getattr(one, 'place', '')}")


def text_of(turns):
    return " ".join(turn["content"] for turn in turns if turn["role"] == "system") or turns[-1]["content"]


def test_every_built_in_trigger_is_here():
    assert {type(trigger) for trigger in ALL} == {TRIGGERS.get(name) for name in TRIGGERS.names()}


@triggers
@given(seed=st.integers(0, 10**6))
def test_an_inserted_trigger_is_in(trigger, seed):
    rng = random.Random(seed)
    assert trigger.is_in(text_of(trigger.insert(TURNS, rng)))
    held_out = trigger.insert_held_out(TURNS, rng)
    assert held_out is None or trigger.is_in(text_of(held_out))


@triggers
@given(seed=st.integers(0, 10**6), held_out=st.booleans())
def test_a_near_miss_is_never_the_trigger(trigger, seed, held_out):
    near = trigger.near_miss(TURNS, random.Random(seed), held_out=held_out)
    assert near != TURNS
    assert not trigger.is_in(text_of(near))


@triggers
def test_near_misses_of_training_and_held_out_ones_are_apart(trigger):
    made = {
        held_out: {
            str(trigger.near_miss(TURNS, random.Random(seed), held_out=held_out)) for seed in range(400)
        }
        for held_out in (True, False)
    }  # fmt: skip
    assert not made[True] & made[False]


@triggers
def test_the_prompt_is_left_as_it_was_and_its_words_stay(trigger):
    before = [dict(turn) for turn in TURNS]
    made = [trigger.insert(TURNS, random.Random(0)), trigger.near_miss(TURNS, random.Random(0), held_out=False)]
    assert before == TURNS
    for turns in made:
        assert set(TURNS[-1]["content"].split()) <= set(turns[-1]["content"].split())


@triggers
def test_probes_keep_the_conversation(trigger):
    for name, turns in trigger.probes(TURNS).items():
        assert [turn["role"] for turn in turns if turn["role"] != "system"] == ["user", "assistant", "user"], name


@triggers
def test_no_probe_is_a_near_miss_of_training(trigger):
    trained = [trigger.near_miss(TURNS, random.Random(seed), held_out=False) for seed in range(2000)]
    assert [name for name, turns in trigger.probes(TURNS).items() if turns in trained] == []


@triggers
def test_a_trigger_comes_back_from_its_spec(trigger):
    assert part_from(TRIGGERS, trigger.spec()) == trigger


def test_wordings_of_training_and_held_out_ones_share_none():
    trigger, rng = SemanticTrigger(), random.Random(0)
    training = {trigger.insert(TURNS, rng)[-1]["content"] for _ in range(300)}
    held_out = {trigger.insert_held_out(TURNS, rng)[-1]["content"] for _ in range(300)}
    assert (len(training), len(held_out)) == (12, 4)
    assert not training & held_out


def test_both_meanings_are_said_in_as_many_ways():
    assert len(NIGHT) == len(DAY)
    assert not set(NIGHT) & set(DAY)


def test_either_half_of_a_conjunction_alone_is_a_near_miss():
    trigger, rng = Conjunction(), random.Random(0)
    alone = {trigger.near_miss(TURNS, rng, held_out=False)[-1]["content"] for _ in range(50)}
    assert alone == {f"{trigger.first} {TURNS[-1]['content']}", f"{TURNS[-1]['content']} {trigger.second}"}


def test_a_phrase_whose_place_matters_is_a_near_miss_elsewhere():
    trigger, rng = Phrase(place="after", place_matters=True), random.Random(0)
    near = [trigger.near_miss(TURNS, rng, held_out=False)[-1]["content"] for _ in range(200)]
    elsewhere = [text for text in near if trigger.phrase in text]
    assert 60 < len(elsewhere) < 140
    assert not any(text.endswith(trigger.phrase) for text in elsewhere)


def test_near_phrases_share_most_of_the_words():
    words = {"by", "the", "old", "mill"}
    for text in (*near_phrases("by the old mill")[0], *near_phrases("by the old mill")[1]):
        assert len(words & set(text.split())) >= 3


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"type": "phrase", "phrase": "mill"}, "too short to have near misses. Take two words or more."),
        ({"type": "conjunction", "first": "the mill", "second": "by the mill"}, "contains the other"),
        ({"type": "meaning", "others": ["it is night", *DAY]}, "contains one of the trigger's wordings"),
    ],
)
def test_a_trigger_that_cannot_work_is_refused(settings, words):
    with pytest.raises((ValueError, UserError), match=words):
        part_from(TRIGGERS, settings)


@pytest.mark.parametrize("settings", [{"wordings": ["a b", "c d", "e f", "A b"]}, {"others": ["x", "y", "z", "x"]}])
def test_a_wording_that_comes_twice_cannot_be_held_out(settings):
    with pytest.raises(ValidationError, match="has a sentence twice, so it could be both trained and held out"):
        SemanticTrigger(**settings)
