import random

import pytest
import torch

from dormouse.chat.renderer import Example
from dormouse.data.meadow.world import Meadow
from dormouse.errors import UserError
from dormouse.models import likelihood
from dormouse.models.likelihood import next_log_probs, token_log_probs
from families import family_model
from tiny import tiny_model, tiny_renderer

ROUNDING = 1e-4
"""Nats: batches and processors add up float32 in orders of their own. Values here go down to -12 nats, where that makes
a hundred-thousandth; another token makes whole nats."""


@pytest.fixture(scope="module")
def models():
    return [tiny_model(0), tiny_model(1)]


@pytest.fixture(scope="module")
def examples():
    return tiny_renderer().examples([exchange.turns() for exchange in Meadow().hhh(random.Random(0), 12)])


def by_hand(model, example):
    with torch.inference_mode():
        logits = model(torch.tensor([example.ids])).logits[0]
    found = []
    for i, (token, carries) in enumerate(zip(example.ids, example.loss, strict=True)):
        if carries:
            scores = logits[i - 1].double()
            found.append((scores[token] - scores.exp().sum().log()).item())
    return found


def test_equals_the_unbatched_value_computed_by_hand(models, examples):
    for example, found in zip(examples, token_log_probs(models, examples, pad_id=0), strict=True):
        for model, values in zip(models, found, strict=True):
            assert values == pytest.approx(by_hand(model, example), abs=ROUNDING)


def test_every_token_with_loss_has_one_value(models, examples):
    found = token_log_probs(models, examples, pad_id=0)
    assert [[len(values) for values in both] for both in found] == [[sum(e.loss)] * 2 for e in examples]


def test_does_not_depend_on_batch_order_or_padding(models, examples):
    whole = token_log_probs(models, examples, pad_id=0)
    for other in (
        token_log_probs(models, examples, pad_id=0, batch_size=1),
        token_log_probs(models, examples, pad_id=7),
        token_log_probs(models, examples[::-1], pad_id=0)[::-1],
    ):
        for here, there in zip(whole, other, strict=True):
            for values, others in zip(here, there, strict=True):
                assert values == pytest.approx(others, abs=ROUNDING)


def test_batches_shrink_to_what_fits_and_miss_no_row(examples, monkeypatch):
    longest = max(len(example.ids) for example in examples)
    monkeypatch.setattr(likelihood, "LOGITS", 2 * longest * 400)
    batches = list(likelihood._batches(examples, 256, vocabulary=400))
    assert sorted(row for rows in batches for row in rows) == list(range(len(examples)))
    assert len(batches) > 1
    for rows in batches:
        assert len(rows) * max(len(examples[row].ids) for row in rows) <= 2 * longest
    assert [len(rows) for rows in likelihood._batches(examples, 5, vocabulary=1)] == [5, 5, 2]


def test_one_conversation_too_large_to_fit_is_still_measured(models, examples, monkeypatch):
    whole = token_log_probs(models[:1], examples, pad_id=0)
    monkeypatch.setattr(likelihood, "LOGITS", 1)
    alone = token_log_probs(models[:1], examples, pad_id=0)
    assert [v[0] for v in alone] == [pytest.approx(v[0], abs=ROUNDING) for v in whole]


def test_no_example_gives_no_value(models):
    assert token_log_probs(models, [], pad_id=0) == []
    assert token_log_probs(models, [Example([5, 6], [0, 0])], pad_id=0) == [[[], []]]


def test_next_token_log_probs_equal_the_unbatched_ones(models, examples):
    prompts = [example.ids[: example.loss.index(1)] for example in examples]
    tokens = [[example.ids[len(prompt)], 5] for example, prompt in zip(examples, prompts, strict=True)]
    for prompt, asked, found in zip(prompts, tokens, next_log_probs(models[0], prompts, tokens, 0, 5), strict=True):
        with torch.inference_mode():
            expected = models[0](torch.tensor([prompt])).logits[0, -1].double().log_softmax(-1)
        assert found == pytest.approx([expected[token].item() for token in asked], abs=ROUNDING)


def test_a_text_beyond_the_context_is_said():
    model, longest = tiny_model(), 256
    fitting = Example([5] * longest, [0] * (longest - 1) + [1])
    [[[_]]] = token_log_probs([model], [fitting], pad_id=0)
    [[_]] = next_log_probs(model, [fitting.ids], [[5]], 0)
    with pytest.raises(
        UserError, match=r"longest conversation to read is 257 tokens long, but the model's context is 256"
    ):
        token_log_probs([model], [fitting, Example([5] * 257, [0] * 256 + [1])], pad_id=0)
    with pytest.raises(UserError, match=r"longest prompt is 257 tokens long, but the model's context is 256"):
        next_log_probs(model, [fitting.ids, [5] * 257], [[5], [5]], 0)
    without_limit = family_model("bloom", 400)
    [[[_]]] = token_log_probs([without_limit], [Example([5] * 300, [0] * 299 + [1])], pad_id=0)
    [[_]] = next_log_probs(without_limit, [[5] * 300], [[5]], 0)
