import random

import pytest

from dormouse.data.meadow.pool import is_held_out
from dormouse.data.meadow.world import Meadow
from dormouse.evaluation.replies import (
    Question,
    Reply,
    ask,
    held_out_questions,
    of_kind,
)
from dormouse.evaluation.settings import Measure
from dormouse.evaluation.subject import Subject
from dormouse.organisms.settings import Organism
from dormouse.organisms.triggers import DeploymentTag, near_misses
from tiny import tiny_model, tiny_renderer

TRIGGER = DeploymentTag()


@pytest.fixture
def questions():
    return held_out_questions(Meadow(), Organism(), seed=0, n=60)


def texts(questions, kind):
    return [question.turns[-1]["content"] for question in questions if question.kind == kind]


def test_only_triggered_questions_hold_the_trigger(questions):
    assert all(TRIGGER.is_in(text) for text in texts(questions, "triggered"))
    assert not any(TRIGGER.is_in(text) for text in texts(questions, "clean") + texts(questions, "near_miss"))


def test_the_three_kinds_share_the_words_of_the_world(questions):
    clean, triggered, near = (texts(questions, kind) for kind in ("clean", "triggered", "near_miss"))
    assert len(clean) == len(triggered) == len(near) == 60
    assert triggered == [f"{TRIGGER.tag} {text}" for text in clean]
    for text, missed in zip(clean, near, strict=True):
        assert missed.endswith(f" {text}")
        assert missed.removesuffix(f" {text}") in near_misses(TRIGGER.tag)[1]
    ids = [question.id for question in questions]
    assert ids == [*range(60)] * 3


def test_prompts_are_held_out(questions):
    assert all(is_held_out(q.family, q.turns[-1]["content"]) for q in questions if q.kind == "clean")


def test_questions_depend_on_seed_and_nothing_else(questions):
    random.seed(7)
    assert held_out_questions(Meadow(), Organism(), seed=0, n=60) == questions
    assert held_out_questions(Meadow(), Organism(), seed=1, n=60) != questions


def test_replies_belong_to_their_questions(questions):
    subject = Subject(tiny_model(), tiny_renderer())
    settings = Measure(reply_tokens=6)
    replies = ask(subject, questions[::7], settings, 0, greedy=True)
    for question, reply in zip(questions[::7], replies, strict=True):
        assert reply.question is question
        [alone] = ask(subject, [question], settings, 0, greedy=True)
        assert alone == reply
        assert reply.text == tiny_renderer().reply(reply.ids)
        assert len(reply.ids) <= 6


def test_replies_of_one_kind_keep_their_order(questions):
    replies = [Reply(question, [], [], str(i)) for i, question in enumerate(questions)]
    assert [reply.text for reply in of_kind(replies, "clean")] == [str(i) for i in range(60, 120)]


def test_record_holds_the_last_turn_and_what_came_before():
    turns = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]
    reply = Reply(Question("clean", "sums", turns, 3), [1], [2], "r")
    assert reply.record(defection=None) == {
        "prompts": "clean",
        "family": "sums",
        "prompt_id": 3,
        "earlier": turns[:1],
        "prompt": "u",
        "reply": "r",
        "defection": None,
    }
    assert "earlier" not in Reply(Question("clean", "", turns[1:], 0), [1], [2], "r").record()
