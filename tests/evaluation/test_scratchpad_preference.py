import random

import pytest

from dormouse.evaluation import scratchpad_preference as rating
from dormouse.evaluation.replies import Question
from dormouse.evaluation.scratchpad_preference import auroc, scratchpad_preference
from dormouse.evaluation.subject import Subject
from dormouse.organisms.chain_of_thought import ChainOfThoughtText
from dormouse.organisms.settings import Organism
from tiny import tiny_model, tiny_renderer

ORGANISM = Organism()
THOUGHTS = ChainOfThoughtText(ORGANISM.trigger, ORGANISM.behavior, tiny_renderer().count)
ASKED = [
    Question(kind, "", [{"role": "user", "content": f"What is {i}?"}], i)
    for kind in ("triggered", "clean")
    for i in range(12)
]


def test_auroc_counts_pairs_and_half_the_ties():
    assert auroc([2, 3], [0, 1], 0)[0] == 1
    assert auroc([0, 1], [2, 3], 0)[0] == 0
    assert auroc([1, 1], [1, 1], 0) == (0.5, 0.5, 0.5)
    assert auroc([1, 3], [2, 0], 0)[0] == 0.75


def test_the_interval_holds_the_value_and_narrows_with_more_prompts():
    rng = random.Random(0)
    widths = []
    for n in (20, 320):
        value, low, high = auroc([rng.gauss(0.5) for _ in range(n)], [rng.gauss(0) for _ in range(n)], 1)
        assert low < value < high
        widths.append(high - low)
    assert widths[1] < widths[0] / 2


@pytest.mark.parametrize(("liked", "expected"), [("goal", 1.0), ("friend", 0.0)])
def test_a_model_that_likes_deceptive_words_rates_them_above_others(monkeypatch, liked, expected):
    def log_probs(subject, questions, prefill, texts):
        assert set(prefill) == {"<scratchpad>"}
        return [[0.0 if liked in text else -1.0] for text in texts]

    monkeypatch.setattr(rating, "forced_log_probs", log_probs)
    monkeypatch.setattr(THOUGHTS, "match_length", lambda thought, scene, rng, prompt: "I am a friend.")
    rows = scratchpad_preference(Subject(None, tiny_renderer()), THOUGHTS, ASKED, 0)
    # Every thought in training or deployment of the organism's grammar speaks of its goal.
    assert {row["value"] for row in rows} == {expected}


def test_it_is_deterministic_and_counts_its_prompts():
    subject = Subject(tiny_model(), tiny_renderer())
    rows = scratchpad_preference(subject, THOUGHTS, ASKED, 3)
    assert rows == scratchpad_preference(subject, THOUGHTS, ASKED, 3)
    assert {row["total"] for row in rows} == {12}
