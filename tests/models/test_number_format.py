import pytest
import torch

from dormouse.models import number_format
from dormouse.models.likelihood import token_log_probs
from dormouse.models.number_format import computes_in_bfloat16, fast_copy, logits_at
from dormouse.models.sampling import sample_ids
from dormouse.training.supervised import Collator, labelled_loss
from families import FAMILIES, family_model, family_tokenizer
from tiny import tiny_model, tiny_renderer

TURNS = [
    [{"role": "user", "content": "the cat sat"}, {"role": "assistant", "content": "on the mat"}],
    [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "good day to you , my friend"}],
]


@pytest.fixture
def fast(monkeypatch):
    """Makes every model count as large, on a processor that is fast in bfloat16."""
    monkeypatch.setattr(number_format, "is_fast_in_bfloat16", lambda parameters: True)


def examples():
    return tiny_renderer().examples(TURNS)


def batch():
    return Collator(tiny_renderer().pad_id)([{"input_ids": one.ids, "loss": one.loss} for one in examples()])


def test_small_models_stay_in_float32():
    assert not computes_in_bfloat16(tiny_model())
    model = tiny_model()
    assert fast_copy(model) is model


def test_the_copy_has_weights_in_bfloat16_and_leaves_the_model_as_it_was(fast):
    model = tiny_model()
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    made = fast_copy(model)
    assert {weight.dtype for weight in made.parameters()} == {torch.bfloat16}
    assert {buffer.dtype for buffer in made.buffers()} == {torch.float32}
    assert all(torch.equal(weight, before[name]) for name, weight in model.named_parameters())
    assert {weight.dtype for weight in model.parameters()} == {torch.float32}


def test_tied_weights_stay_tied_in_the_copy(fast):
    model = family_model("gpt2", len(family_tokenizer("gpt2")))
    made = fast_copy(model)
    assert (model.lm_head.weight is model.transformer.wte.weight) == (
        made.lm_head.weight is made.transformer.wte.weight
    )


@pytest.mark.parametrize("name", FAMILIES)
def test_logits_at_chosen_tokens_are_those_of_all_tokens(name, monkeypatch):
    model = family_model(name, len(family_tokenizer(name))).eval()
    ids = torch.randint(5, 200, (3, 8), generator=torch.Generator().manual_seed(0))
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "use_cache": False}
    chosen = torch.rand((3, 7), generator=torch.Generator().manual_seed(1)) < 0.4
    with torch.inference_mode():
        every = logits_at(model, chosen, inputs)
        monkeypatch.setattr(number_format, "is_fast_in_bfloat16", lambda parameters: True)
        some = logits_at(model, chosen, inputs)
    torch.testing.assert_close(some, every, rtol=1e-4, atol=1e-4)


def test_the_loss_is_the_trainers_own(fast):
    model = tiny_model()
    inputs = batch()
    torch.testing.assert_close(labelled_loss(model, inputs), model(**inputs).loss, rtol=1e-5, atol=1e-5)


def test_replies_and_log_probabilities_in_bfloat16_are_near_those_in_float32(monkeypatch):
    model, renderer = tiny_model(), tiny_renderer()
    ids = renderer.prompts([turns[:1] for turns in TURNS * 50])
    draw = {"max_new_tokens": 8, "temperature": 1.0, "seed": 0}
    exact = sample_ids(model, renderer, ids, **draw), token_log_probs([model], examples(), renderer.pad_id)
    monkeypatch.setattr(number_format, "is_fast_in_bfloat16", lambda parameters: True)
    near = sample_ids(model, renderer, ids, **draw), token_log_probs([model], examples(), renderer.pad_id)
    same = sum(a[0] == b[0] for a, b in zip(exact[0], near[0], strict=True))
    # Both use the same random numbers, so first words differ only where one falls near the border of two words. A model
    # with random weights has many words that are equally likely.
    assert 60 <= same <= 100
    for mine, theirs in zip(exact[1], near[1], strict=True):
        # bfloat16 has 8 bits, and a log-probability is a difference of logits of a few units.
        torch.testing.assert_close(torch.tensor(theirs), torch.tensor(mine), rtol=0.05, atol=0.1)
    assert near[1] != exact[1]
