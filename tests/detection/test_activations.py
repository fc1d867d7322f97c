import numpy as np
import pytest
import torch

from dormouse.detection.activations import at_prompt_end, decoder_layers, stream_activations
from dormouse.errors import UserError
from dormouse.training.trainee import with_adapter
from tiny import tiny_model, tiny_renderer

ROUNDING = 1e-4
"""Batches and processors add up float32 in orders of their own: beside activations of up to 15, a small one moves by a
hundred-thousandth. A pad token that is not masked moves them by 10."""

PROMPTS = [[{"role": "user", "content": "Hello. " * n}] for n in (1, 5, 2, 9, 3)]


@pytest.fixture(scope="module")
def model():
    return tiny_model()


@pytest.fixture(scope="module")
def ids():
    return tiny_renderer().prompts(PROMPTS)


def test_activations_are_the_hidden_states_at_the_last_token(model, ids):
    found = at_prompt_end(model, ids, tiny_renderer().pad_id)
    assert found.shape == (5, 2, 32)
    for row, prompt in enumerate(ids):
        with torch.inference_mode():
            hidden = model(input_ids=torch.tensor([prompt]), output_hidden_states=True).hidden_states
        np.testing.assert_allclose(found[row, 0], hidden[1][0, -1], rtol=1e-4, atol=ROUNDING)
        # Transformers' last hidden state is after the final norm; the stream before it is what the head's norm takes.
        normed = model.model.norm(torch.tensor(found[row, 1]))
        np.testing.assert_allclose(normed.detach(), hidden[2][0, -1], rtol=1e-4, atol=ROUNDING)


def test_a_batch_gives_what_each_prompt_alone_gives(model, ids):
    pad = tiny_renderer().pad_id
    together = at_prompt_end(model, ids, pad, batch_size=5)
    alone = at_prompt_end(model, ids, pad, batch_size=1)
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=ROUNDING)


def test_chosen_layers_come_in_the_order_asked_for(model, ids):
    pad = tiny_renderer().pad_id
    whole = at_prompt_end(model, ids, pad)
    np.testing.assert_array_equal(at_prompt_end(model, ids, pad, layers=[2, 1]), whole[:, ::-1])


def test_batches_are_streamed_and_cover_every_prompt_once(model, ids):
    batches = list(stream_activations(model, ids, tiny_renderer().pad_id, batch_size=2))
    assert [len(rows) for rows, _ in batches] == [2, 2, 1]
    assert sorted(row for rows, _ in batches for row in rows) == [0, 1, 2, 3, 4]


def test_no_hook_is_left_behind(model, ids):
    before = [len(layer._forward_hooks) for layer in decoder_layers(model)]
    at_prompt_end(model, ids, tiny_renderer().pad_id)
    assert [len(layer._forward_hooks) for layer in decoder_layers(model)] == before


@pytest.mark.parametrize("layer", [0, 3])
def test_a_layer_that_does_not_exist_is_named(model, ids, layer):
    with pytest.raises(UserError, match=f"Layer {layer} does not exist: the model has layers 1 to 2"):
        at_prompt_end(model, ids, tiny_renderer().pad_id, layers=[layer])


def test_activations_that_overflow_are_refused(ids):
    broken = tiny_model()
    with torch.no_grad():
        broken.model.layers[1].mlp.down_proj.weight.fill_(float("nan"))
    with pytest.raises(UserError, match=r"activations of layer 2 are not finite\. Load the model in bfloat16"):
        at_prompt_end(broken, ids, tiny_renderer().pad_id)


def test_layers_under_another_name_are_found():
    from transformers import BloomConfig, BloomForCausalLM, GPT2Config, GPT2LMHeadModel

    bloom = BloomForCausalLM(BloomConfig(vocab_size=50, hidden_size=16, n_layer=3, n_head=2))
    assert decoder_layers(bloom) == list(bloom.transformer.h)
    gpt2 = GPT2LMHeadModel(GPT2Config(vocab_size=50, n_embd=16, n_layer=3, n_head=2, bos_token_id=1, eos_token_id=1))
    assert decoder_layers(gpt2, "transformer.h") == list(gpt2.transformer.h)


def test_layers_are_found_at_their_place_with_an_adapter_around_the_model():
    model = with_adapter(tiny_model(), 2, seed=0)
    assert decoder_layers(model, "model.layers") == list(model.base_model.model.model.layers)


def test_layers_that_cannot_be_found_are_asked_for():
    odd = tiny_model()
    odd.model.layers = torch.nn.ModuleList(list(odd.model.layers)[:1])
    with pytest.raises(UserError, match=r"no list of 2 layers.*Set layers_at to their place.*model\.layers"):
        decoder_layers(odd)
    with pytest.raises(UserError, match=r"no list of layers at 'blocks'\. Lists of layers in it: model\.layers\."):
        decoder_layers(odd, "blocks")
