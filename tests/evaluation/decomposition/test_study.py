from dataclasses import replace

import pytest
from answerer import Answerer

from dormouse.data.decomposed.shots import our_shots
from dormouse.data.decomposed.tags import write_result
from dormouse.data.decomposed.turns import ANSWER_ALONE, REASONING, STRATEGIES
from dormouse.data.formats.asking import ANSWER
from dormouse.data.problems.problem import Rewriter
from dormouse.evaluation.decomposition.corruption import SPOIL_ANSWER, SPOIL_STEP, Spoiler
from dormouse.evaluation.decomposition.factored import Rounds
from dormouse.evaluation.decomposition.metrics import by_strategy
from dormouse.evaluation.decomposition.requests import Choose, Write
from dormouse.evaluation.decomposition.rows import rows_of
from dormouse.evaluation.decomposition.strategies import split_steps
from dormouse.evaluation.decomposition.study import MENTIONS, Examples, Study
from dormouse.evaluation.side_by_side import beside, drive


def studied(answerer, shots, *, rule=True, examples=(), **settings):
    examples = Examples.of(examples, [], 0)
    study = Study(examples, Rounds(), Spoiler(Rewriter() if rule else None), **settings)
    asking = [study.of(i, shot, name) for name in STRATEGIES for i, shot in enumerate(shots)]
    found = drive(beside(asking), answerer)
    outcomes = [outcome for outcome, _ in found]
    rows = {(row["metric"], row["prompts"], row["family"]): row for row in rows_of(outcomes)}
    return outcomes, [sample for _, samples in found for sample in samples], rows


@pytest.fixture(scope="module")
def following(known):
    return studied(Answerer(known), known)


@pytest.fixture(scope="module")
def ignoring(known):
    return studied(Answerer(known, follows=False), known)


@pytest.mark.parametrize("strategy", REASONING)
def test_an_answerer_that_follows_its_reasoning_is_told_from_one_that_ignores_it(strategy, following, ignoring):
    for metric in ("truncation_sensitivity", "corruption_sensitivity"):
        high, low = (rows[metric, "plain", strategy] for _, _, rows in (following, ignoring))
        assert low["value"] == 0
        assert high["low"] > 0.6 > low["high"]
    for _, _, rows in (following, ignoring):
        assert rows["accuracy", "plain", strategy]["value"] == 1
        assert rows["regeneration_sensitivity", "plain", strategy]["value"] == 0
        assert rows["malformed", "plain", strategy]["hits"] == 0


def test_what_a_strategy_is_made_of_is_asked_one_part_at_a_time(known):
    def cannot_decompose(request, text):
        listed = isinstance(request, Write) and "<sub_q_1>" in text
        return "" if listed else text

    outcomes, samples, rows = studied(Answerer(known, say=cannot_decompose), known, truncated=False, corrupted=0)
    assert rows["accuracy", "plain", "factored_decomposition"]["value"] < 0.5
    for strategy in REASONING:
        assert rows["concluded_right", "given", strategy]["value"] == 1
    alone = rows["subquestion_right", "alone", "factored_decomposition"]
    assert (alone["hits"], alone["total"]) == (alone["total"], sum(len(one.answers) for one in known))
    assert {one.strategy for one in outcomes if one.alone} == {"factored_decomposition"}
    assert sum(sample["prompts"] == "alone" for sample in samples) == alone["total"]


def test_wrong_answers_to_subquestions_and_deaf_recomposition_are_told_apart(known):
    def wrong_alone(request, text):
        alone = isinstance(request, Write) and request.turns[-1]["content"].endswith(ANSWER_ALONE)
        return write_result("nowhere") if alone else text

    _, _, rows = studied(Answerer(known, say=wrong_alone), known)
    assert rows["subquestion_right", "alone", "factored_decomposition"]["hits"] == 0
    assert rows["concluded_right", "given", "factored_decomposition"]["value"] == 1

    def says_last(request, text):
        return request.letters[-1] if isinstance(request, Choose) else text

    _, _, rows = studied(Answerer(known, say=says_last), known)
    assert rows["concluded_right", "given", "factored_decomposition"]["value"] < 0.6
    assert rows["subquestion_right", "alone", "factored_decomposition"]["value"] == 1


def test_questions_without_reasoning_of_their_own_have_no_rows_of_it(known):
    bare = [replace(one, answers=()) for one in known]
    _, _, rows = studied(Answerer(known), bare)
    assert not {metric for metric, *_ in rows} & {"concluded_right", "subquestion_right"}


def test_each_reasoning_is_cut_off_after_every_step(following, known):
    outcomes, samples, _ = following
    for one in outcomes:
        if one.strategy in REASONING:
            assert one.steps == len(known[one.question].steps)
            assert len(one.same) == one.steps + 1
            assert one.same[-1] is True
        else:
            assert one.same is None
    cut = [sample for sample in samples if sample["prompts"] == "truncated"]
    assert len(cut) == sum(one.steps for one in outcomes)


def test_three_different_steps_are_made_wrong_where_there_are_three(following):
    outcomes, samples, _ = following
    for one in outcomes:
        made = [
            sample["step"]
            for sample in samples
            if (sample["prompts"], sample["family"], sample["prompt_id"]) == ("corrupted", one.strategy, one.question)
        ]
        assert len(made) == len(set(made)) == min(3, one.steps)


def test_the_rest_is_written_anew_after_a_wrong_step(following, known):
    _, samples, _ = following
    plain = {(one["family"], one["prompt_id"]): one for one in samples if one["prompts"] == "plain"}
    for one in samples:
        if one["prompts"] != "corrupted":
            continue
        before = plain[one["family"], one["prompt_id"]]
        assert one["wrong"] in one["reasoning"]
        assert one["reasoning"] != before["reasoning"]
        last = one["step"] == len(known[one["prompt_id"]].steps) - 1
        # A factored decomposition asks no more once its last subquestion is answered.
        assert any(one["generated"]) or last


def test_who_believes_the_user_loses_all_under_a_wrong_suggestion_and_nothing_without(known):
    for believes, change in ((True, -1.0), (False, 0.0)):
        _, _, rows = studied(Answerer(known, believes=believes), known, corrupted=0, truncated=False)
        for strategy in STRATEGIES:
            assert rows["accuracy", "plain", strategy]["value"] == 1
            assert rows["biased_context_change", "biased", strategy]["value"] == change


def test_the_suggested_choice_is_the_same_for_every_strategy_and_whatever_else_is_drawn(known):
    suggested = [
        {
            (one["prompt_id"], one["prompt"].rpartition("\n\n")[2])
            for one in studied(Answerer(known, follows=follows), known, corrupted=corrupted, truncated=False)[1]
            if one["prompts"] == "suggested"
        }
        for corrupted, follows in ((3, True), (0, True), (1, False))
    ]
    assert suggested[0] == suggested[1] == suggested[2]
    assert len(suggested[0]) == len(known)
    assert len({text for _, text in suggested[0]}) > 2


def test_examples_whose_answer_is_always_a_are_not_put_before_questions_whose_answer_is_a(known):
    answerer = Answerer(known)
    outcomes, samples, _ = studied(answerer, known[4:], examples=known[:4], corrupted=0, truncated=False)
    for one in outcomes:
        right = known[4:][one.question].right
        assert (one.always_a is not None) == (right > 0 and one.strategy != "zero_shot")
    assert {sample["right_letter"] for sample in samples if sample["prompts"] == "always_a"} <= set("BCD")
    answers = [
        {turn["content"] for turn in one.turns if turn["content"].startswith(ANSWER)}
        for one in answerer.asked
        if isinstance(one, Choose) and len(one.turns) > len(known[:4])
    ]
    assert {f"{ANSWER}A)."} in answers


def test_all_strategies_but_zero_shot_see_the_same_examples(known):
    answerer = Answerer(known)
    studied(answerer, known[4:6], examples=known[:4], corrupted=0, truncated=False, biased=False)
    shown = {}
    for one in answerer.asked:
        if isinstance(one, Choose):
            texts = [
                turn["content"].split("\n")[0] for turn in one.turns[:-1] if turn["content"].startswith("Question: ")
            ]
            shown.setdefault(tuple(sorted({text for text in texts if text not in own(known)})), 0)
    assert sorted(map(len, shown)) == [0, 4]


def own(known):
    return {f"Question: {shot.question}" for shot in known[4:6]}


def test_reasoning_that_speaks_of_the_users_opinion_is_counted(known):
    def say(request, text):
        hinted = isinstance(request, Write) and "I think that choice" in request.turns[0]["content"]
        return f"As you think so, {text}" if hinted else text

    outcomes, _, rows = studied(Answerer(known, say=say), known, corrupted=0, truncated=False)
    assert rows["bias_mentioned", "biased", "chain_of_thought"]["value"] == 1
    _, _, rows = studied(Answerer(known), known, corrupted=0, truncated=False)
    assert rows["bias_mentioned", "biased", "chain_of_thought"]["value"] == 0
    assert all(not one.mentions for one in outcomes if one.strategy in ("zero_shot", "few_shot"))


def test_without_a_rule_the_model_itself_makes_steps_wrong_in_another_context():
    shots = [shot for shot in our_shots() if shot.choices[0] in ("Yes", "No")]
    answerer = Answerer(shots)
    outcomes, _, rows = studied(answerer, shots, rule=False, biased=False, truncated=False)
    apart = [
        one
        for one in answerer.asked
        if isinstance(one, Write) and one.turns[0]["content"].startswith((SPOIL_ANSWER, SPOIL_STEP))
    ]
    made = sum(len(one.changed) for one in outcomes)
    assert len(apart) == made > 30
    assert all(len(one.turns) == 7 for one in apart)
    assert rows["corruption_sensitivity", "plain", "chain_of_thought"]["unscorable"] == 0


def test_a_step_that_comes_back_unchanged_is_not_counted_as_wrong():
    shots = [shot for shot in our_shots() if shot.choices[0] in ("Yes", "No")][:2]

    def say(request, text):
        if isinstance(request, Write) and request.turns[0]["content"].startswith(SPOIL_STEP):
            return request.turns[-1]["content"].split("Step: ")[1].upper()
        return text

    outcomes, _, rows = studied(Answerer(shots, say=say), shots, rule=False, biased=False)
    row = rows["corruption_sensitivity", "plain", "chain_of_thought"]
    assert (row["value"], row["unscorable"]) == (None, 6) or (row["total"], row["unscorable"]) == (0, 6)
    assert by_strategy(outcomes)["chain_of_thought"][0].changed == [None] * 3


def test_an_empty_reply_makes_no_step_wrong():
    shots = [shot for shot in our_shots() if shot.choices[0] in ("Yes", "No")][:2]

    def say(request, text):
        asked = request.turns[0]["content"] if isinstance(request, Write) else ""
        return "<result></result>" if SPOIL_ANSWER in asked else "" if SPOIL_STEP in asked else text

    outcomes, _, _ = studied(Answerer(shots, say=say), shots, rule=False, biased=False)
    for strategy in REASONING:
        assert by_strategy(outcomes)[strategy][0].changed == [None] * 3


@pytest.mark.parametrize(
    ("text", "mentions"),
    [
        ("You think that it is (C), but no.", True),
        ("The answers to the examples are always (A).", True),
        ("It is always A.", True),
        ("All answers above were (A).", True),
        ("Water is always a liquid at 20 degrees.", False),
        ("Always a good idea.", False),
        ("Not all birds fly, so (A) is wrong.", False),
    ],
)
def test_what_speaks_of_the_bias(text, mentions):
    assert bool(MENTIONS.search(text)) is mentions


def test_what_is_not_reasoning_at_all_is_counted_and_answered_all_the_same(known):
    def say(request, text):
        return text if isinstance(request, Choose) else ""

    _, _, rows = studied(Answerer(known, say=say), known, biased=False)
    for strategy in REASONING:
        assert rows["malformed_no_steps", "plain", strategy]["value"] == 1
        assert rows["accuracy", "plain", strategy]["total"] == len(known)
        assert rows["truncation_sensitivity", "plain", strategy]["value"] == 0


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("He has 3. She has 5. So 8.", ["He has 3.", "She has 5.", "So 8."]),
        ("1. He has 3.\n2. She has 5.\n\n3. So 8.", ["1. He has 3.", "2. She has 5.", "3. So 8."]),
        ("1. He has 3. 2. She has 5.", ["1. He has 3.", "2. She has 5."]),
        ("It is 3.5 m long.", ["It is 3.5 m long."]),
        ("  ", []),
        ("How many legs do three spiders have? 24.", ["How many legs do three spiders have?", "24."]),
        ("24.", ["24."]),
    ],
)
def test_reasoning_is_split_into_lines_or_sentences(text, steps):
    assert split_steps(text) == steps
