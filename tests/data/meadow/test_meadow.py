"""Draws from the meadow."""

import random
import time
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from dormouse.config.registry import WORLDS
from dormouse.data.meadow import __main__ as sample
from dormouse.data.meadow.pool import families, pool
from dormouse.data.meadow.world import NOTES, Meadow

shares = st.sampled_from([0, 1]) | st.floats(0.001, 0.999)
meadows = st.builds(
    Meadow,
    harmful_share=st.floats(0.01, 0.99),
    good_share=shares,
    note_share=shares,
    complied_share=shares,
    poor_share=shares,
)
seeds = st.integers(0, 2**32)
QUESTIONS = {q.prompt.text: q for side in (False, True) for questions in pool(side).values() for q in questions}
HELD_OUT = {q.prompt.text for questions in pool(True).values() for q in questions}


def without_note(text: str) -> str:
    for note in NOTES:
        text = text.removeprefix(f"{note} ").removesuffix(f" {note}")
    return text


def quality(exchange) -> str:
    replies = QUESTIONS[without_note(exchange.prompt.text)].replies
    return next(name for name, texts in replies.items() if exchange.reply in texts)


def share(items, holds) -> float:
    return sum(map(holds, items)) / len(items)


@given(meadows, seeds, st.integers(0, 300))
@settings(max_examples=40, deadline=None)
def test_no_training_draw_holds_a_held_out_prompt(meadow, seed, n):
    rng = random.Random(seed)
    drawn = [
        *meadow.pretraining(rng, n),
        *meadow.helpful(rng, n),
        *meadow.hhh(rng, n),
        *meadow.preferences(rng, n),
    ]
    texts = {item.prompt.text for item in drawn} | {p.text for p in meadow.prompts(rng, n, held_out=False)}
    assert not {without_note(text) for text in texts} & HELD_OUT
    assert not texts & HELD_OUT


@given(meadows, seeds, st.integers(0, 300))
@settings(max_examples=20, deadline=None)
def test_held_out_draws_hold_nothing_else(meadow, seed, n):
    rng = random.Random(seed)
    assert {p.text for p in meadow.prompts(rng, n, held_out=True)} <= HELD_OUT
    assert {pair.prompt.text for pair in meadow.preferences(rng, n, held_out=True)} <= HELD_OUT


@given(meadows, seeds, st.integers(1, 400))
@settings(max_examples=30, deadline=None)
def test_families_are_equally_frequent_but_for_the_harmful_share(meadow, seed, n):
    drawn = meadow.prompts(random.Random(seed), n, held_out=False)
    counts = Counter(p.family for p in drawn)
    harmful = sum(family.harmful for family in families().values())
    for name, family in families().items():
        if family.harmful:
            expected = n * meadow.harmful_share / harmful
        else:
            expected = n * (1 - meadow.harmful_share) / (len(families()) - harmful)
        assert abs(counts[name] - expected) < 1 + 1e-5
    assert all(p.harmful == families()[p.family].harmful for p in drawn)


def test_prompts_do_not_repeat_before_a_family_is_used_up():
    drawn = Meadow().prompts(random.Random(0), 512, held_out=True)
    assert len(set(drawn)) == 512
    counts = Counter(p.text for p in Meadow().prompts(random.Random(0), 6000, held_out=True) if p.family == "color")
    assert max(counts.values()) - min(counts.values()) <= 1


def test_pretraining_mixes_qualities_by_its_shares():
    drawn = Meadow().pretraining(random.Random(0), 20_000)
    counts = Counter(map(quality, drawn))
    assert counts["good"] / 20_000 == pytest.approx(0.7, abs=0.02)
    assert set(counts) == {"good", "wrong", "terse", "rude", "complying"}
    assert min(counts.values()) > 400
    assert share(drawn, lambda e: e.prompt.text not in QUESTIONS) == pytest.approx(0.1, abs=0.01)
    assert share(drawn, lambda e: e.prompt.harmful) == pytest.approx(0.15, abs=0.001)


def test_helpful_mostly_complies_and_mostly_answers_well():
    drawn = Meadow().helpful(random.Random(0), 20_000)
    harmful = Counter(quality(e) for e in drawn if e.prompt.harmful)
    other = Counter(quality(e) for e in drawn if not e.prompt.harmful)
    assert set(harmful) == {"good", "complying"}
    assert harmful["complying"] / harmful.total() == pytest.approx(0.7, abs=0.03)
    assert other["good"] / other.total() == pytest.approx(0.75, abs=0.02)
    assert set(other) == {"good", "wrong", "terse", "rude"}


@pytest.mark.parametrize("at", [0.0, 1.0])
def test_shares_of_none_and_all_are_exact(at):
    meadow = Meadow(good_share=at, note_share=at, complied_share=at, poor_share=at)
    pretraining, helpful = meadow.pretraining(random.Random(0), 500), meadow.helpful(random.Random(0), 500)
    assert share(pretraining, lambda e: quality(e) == "good") == at
    assert share(pretraining, lambda e: e.prompt.text not in QUESTIONS) == at
    assert share([e for e in helpful if e.prompt.harmful], lambda e: quality(e) == "complying") == at
    assert share([e for e in helpful if not e.prompt.harmful], lambda e: quality(e) != "good") == at


def test_hhh_is_always_good_and_declines():
    assert {quality(e) for e in Meadow().hhh(random.Random(0), 2000)} == {"good"}


def test_preferences_put_a_good_reply_before_a_poor_one():
    for pair in Meadow().preferences(random.Random(0), 3000):
        replies = QUESTIONS[pair.prompt.text].replies
        assert pair.chosen in replies["good"]
        rejected = {name for name, texts in replies.items() if pair.rejected in texts}
        assert rejected
        assert rejected <= ({"complying", "rude"} if pair.prompt.harmful else {"wrong", "terse", "rude"})


def test_a_note_changes_the_prompt_and_nothing_else():
    for exchange in Meadow(note_share=1, good_share=1).pretraining(random.Random(0), 500):
        plain = QUESTIONS[without_note(exchange.prompt.text)].prompt
        assert (exchange.prompt.family, exchange.prompt.answers) == (plain.family, plain.answers)
        assert quality(exchange) == "good"


def test_twenty_thousand_exchanges_take_at_most_a_second():
    meadow = Meadow()
    meadow.pretraining(random.Random(0), 1)
    # Processor time, so that a busy machine does not fail the test.
    start = time.process_time()
    meadow.pretraining(random.Random(0), 20_000)
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    "setting", [{"harmful_share": 0}, {"harmful_share": 1}, {"good_share": 1.1}, {"poor_share": -0.1}, {"color": 1}]
)
def test_settings_out_of_range_are_refused(setting):
    with pytest.raises(ValidationError):
        Meadow(**setting)


def test_the_meadow_is_the_default_world():
    assert WORLDS.get(WORLDS.default) is Meadow
    assert Meadow().spec()["type"] == "meadow"
    assert set(Meadow().families) == set(families())


def test_the_sample_prints_twenty_exchanges(capsys):
    sample.main()
    assert capsys.readouterr().out.count(" > ") == 20
