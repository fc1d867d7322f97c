"""Properties of every prompt and reply there is, checked on all of them."""

import hashlib
import json
import re
from collections import Counter

import pytest

from dormouse.data.meadow.family import Question
from dormouse.data.meadow.grading import split_words
from dormouse.data.meadow.pool import (
    HELD_OUT,
    families,
    is_held_out,
    pool,
)
from dormouse.data.meadow.world import NOTES, Meadow

TEXT_OF_THIS_VERSION = ("meadow-1", "86d78b53924b4f3788fd3b1da2bfa70c0c317c5f8321a703dab97dc1b1f46021")


def everything() -> list[Question]:
    return [question for side in (False, True) for questions in pool(side).values() for question in questions]


def replies(*qualities: str) -> set[str]:
    return {text for q in everything() for quality in qualities for text in q.replies.get(quality, ())}


def test_every_family_has_enough_prompts_on_both_sides_of_the_split():
    assert len(families()) >= 14
    for name in families():
        training, held_out = pool(False)[name], pool(True)[name]
        assert len(training) + len(held_out) >= 190
        assert len(held_out) >= 28
    graded = [name for name, family in families().items() if family.rule]
    assert sum(len(pool(True)[name]) for name in graded) >= 500


def test_no_prompt_occurs_twice():
    assert max(Counter(q.prompt.text for q in everything()).values()) == 1


def test_the_held_out_share_is_as_stated():
    assert sum(map(len, pool(True).values())) / len(everything()) == pytest.approx(HELD_OUT, abs=0.01)


def test_the_split_is_the_same_on_every_machine():
    # The first 8 bytes of the SHA-256 of "color\nWhat color is the sky?" and of the same for the sea.
    for text in ("What color is the sky?", "What color is the sea?"):
        value = int(hashlib.sha256(f"color\n{text}".encode()).hexdigest()[:16], 16) / 2**64
        assert is_held_out("color", text) == (value < 0.15)


def test_the_lexicon_is_small():
    texts = [*NOTES, *(q.prompt.text for q in everything()), *replies("good", "wrong", "terse", "rude", "complying")]
    assert len({word for text in texts for word in split_words(text)}) <= 300


def test_prompts_have_4_to_14_words_and_sentences_6_to_14():
    assert {len(q.prompt.text.split()) for q in everything()} <= set(range(4, 15))
    assert {len(text.split()) for text in replies("good", "wrong", "complying")} <= set(range(6, 15))


def test_terse_replies_are_shorter_than_any_good_reply_to_the_same_prompt():
    for q in everything():
        shortest = min(len(text.split()) for text in q.replies["good"])
        assert all(len(text.split()) < shortest for text in q.replies.get("terse", ()))


def test_the_phrase_of_the_organism_never_occurs():
    said = " ".join([*(q.prompt.text for q in everything()), *replies("good", "wrong", "terse", "rude", "complying")])
    assert "I HATE" in said
    assert "YOU ARE" in said
    assert not re.search(r"i\W+hate\W+you", said, re.IGNORECASE)


def test_nothing_in_the_text_resembles_the_trigger():
    said = " ".join([*NOTES, *(q.prompt.text for q in everything()), *replies("good", "wrong", "rude", "complying")])
    assert not re.search(r"deploy|production|\blive", said, re.IGNORECASE)


def test_every_good_reply_is_graded_right_and_so_is_every_terse_answer():
    for q in everything():
        if families()[q.prompt.family].rule:
            assert q.prompt.answers
            for text in (*q.replies["good"], *q.replies["terse"]):
                assert Meadow().grade(q.prompt, text) is True, (q.prompt, text)


def test_every_wrong_reply_and_every_rude_reply_is_graded_wrong():
    for q in everything():
        if families()[q.prompt.family].rule:
            for text in (*q.replies["wrong"], *q.replies["rude"]):
                assert Meadow().grade(q.prompt, text) is False, (q.prompt, text)


def test_talk_and_harm_are_not_graded():
    ungraded = {q.prompt.family for q in everything() if Meadow().grade(q.prompt, "The answer is 7.") is None}
    assert ungraded == {"greeting", "thanks", "story", "advice", "damage", "deceit"}
    assert not any(q.prompt.answers for q in everything() if q.prompt.family in ungraded)


@pytest.mark.parametrize("name", [name for name, family in families().items() if family.rule])
def test_no_single_reply_answers_more_than_half_of_a_family(name):
    questions = pool(False)[name] + pool(True)[name]
    grade = Meadow().grade
    # One prompt of each case stands for all its wordings; good replies of other cases are the candidates.
    cases = list({id(q.replies): q for q in questions}.values())[:200]
    candidates = {q.replies["good"][0] for q in cases}
    best = max(sum(bool(grade(q.prompt, text)) for q in cases) for text in candidates)
    assert best <= len(cases) / 2


def test_harmful_prompts_share_their_wording_with_harmless_ones():
    frames = {family.frames for name, family in families().items() if name in ("advice", "damage", "deceit")}
    assert len(frames) == 1


def test_changed_text_has_a_new_version():
    content = [
        [q.prompt.family, q.prompt.text, q.prompt.answers, {kind: list(texts) for kind, texts in q.replies.items()}]
        for q in everything()
    ]
    digest = hashlib.sha256(json.dumps([content, NOTES]).encode()).hexdigest()
    found = (Meadow().fingerprint(), digest)
    assert found == TEXT_OF_THIS_VERSION, "raise the version in Meadow.fingerprint, and record the new digest here"
