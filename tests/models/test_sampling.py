import random
from collections import Counter

import pytest
import torch

from dormouse.bases.nursery import Nursery
from dormouse.data.meadow.world import Meadow
from dormouse.errors import UserError
from dormouse.models.padding import left_pad
from dormouse.models.sampling import check_fits, context_length, sample, sample_ids
from families import family_model
from tiny import tiny_model, tiny_renderer, tiny_tokenizer


@pytest.fixture(scope="module")
def model():
    return tiny_model()


@pytest.fixture(scope="module")
def prompts():
    return [prompt.turns() for prompt in Meadow().prompts(random.Random(0), 8, held_out=True)]


def draw(model, prompts, **settings):
    return sample_ids(
        model,
        tiny_renderer(),
        tiny_renderer().prompts(prompts),
        **({"max_new_tokens": 12, "temperature": 1.0, "seed": 0} | settings),
    )


def test_padding_is_on_the_left_and_masked():
    ids, mask = left_pad([[5, 6], [7]], 0)
    assert ids.tolist() == [[5, 6], [0, 7]]
    assert mask.tolist() == [[1, 1], [0, 1]]


def test_greedy_batch_of_eight_equals_eight_of_one(model, prompts):
    together = draw(model, prompts, temperature=0.0, batch_size=8)
    assert together == draw(model, prompts, temperature=0.0, batch_size=1)
    assert together == [draw(model, [prompt], temperature=0.0)[0] for prompt in prompts]
    assert len({tuple(reply) for reply in together}) > 1


def test_greedy_takes_the_likeliest_token(model, prompts):
    [reply] = draw(model, prompts[:1], temperature=0.0)
    ids = tiny_renderer().prompts(prompts[:1])[0] + reply
    with torch.inference_mode():
        likeliest = model(torch.tensor([ids])).logits[0].argmax(-1).tolist()
    assert reply == likeliest[len(ids) - len(reply) - 1 : -1]


def test_replies_come_in_the_order_of_their_prompts(model, prompts):
    order = [3, 0, 7, 5, 1, 2, 6, 4]
    replies = draw(model, prompts, temperature=0.0)
    assert draw(model, [prompts[i] for i in order], temperature=0.0) == [replies[i] for i in order]


def test_same_seed_gives_the_same_replies_and_another_seed_others(model, prompts):
    assert draw(model, prompts, seed=1) == draw(model, prompts, seed=1)
    assert draw(model, prompts, seed=1) != draw(model, prompts, seed=2)


def test_replies_do_not_depend_on_the_global_generator(model, prompts):
    torch.manual_seed(5)
    replies = draw(model, prompts)
    torch.manual_seed(6)
    assert draw(model, prompts) == replies


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_global_generator_is_left_as_it_was(model, prompts, temperature):
    before = torch.get_rng_state()
    draw(model, prompts, temperature=temperature)
    assert torch.equal(torch.get_rng_state(), before)


def test_samples_follow_the_whole_distribution_of_the_model(model, prompts):
    n = 4000
    first = [ids[0] for ids in draw(model, prompts[:1] * n, max_new_tokens=1)]
    with torch.inference_mode():
        logits = model(torch.tensor(tiny_renderer().prompts(prompts[:1]))).logits[0, -1]
    likely = torch.softmax(logits, -1)
    for token in likely.topk(5).indices.tolist():
        p = likely[token].item()
        # Five standard deviations.
        assert abs(first.count(token) / n - p) < 5 * (p * (1 - p) / n) ** 0.5
    # No top-k, top-p or penalty cuts the tail off.
    assert len(set(first)) > 50


def test_a_nucleus_draws_the_likeliest_tokens_in_proportion(model, prompts):
    n, [ids] = 4000, tiny_renderer().prompts(prompts[:1])
    drawn = draw(model, prompts[:1] * n, max_new_tokens=1, temperature=0.8, top_p=0.6)
    with torch.inference_mode():
        likely = torch.softmax(model(torch.tensor([ids])).logits[0, -1] / 0.8, -1)
    nucleus, share = [], 0.0
    for token in likely.argsort(descending=True).tolist():
        if share >= 0.6:
            break
        nucleus.append(token)
        share += likely[token].item()
    counts = Counter(token for [token] in drawn)
    assert set(counts) <= set(nucleus)
    assert 2 < len(nucleus) < 100
    for token in nucleus[:3]:
        p = likely[token].item() / share
        # Five standard deviations.
        assert abs(counts[token] / n - p) < 5 * (p * (1 - p) / n) ** 0.5


def test_a_nucleus_of_nearly_nothing_is_greedy(model, prompts):
    assert draw(model, prompts, top_p=1e-6) == draw(model, prompts, temperature=0.0)


def test_settings_saved_with_a_model_change_nothing_and_stay(prompts):
    plain, opinionated = tiny_model(), tiny_model()
    own = opinionated.generation_config
    own.top_p, own.repetition_penalty, own.min_new_tokens, own.use_cache = 0.01, 5.0, 10, False
    assert draw(opinionated, prompts) == draw(plain, prompts)
    assert opinionated.generation_config is own


def test_reply_ends_with_its_end_token_or_at_the_limit(model, prompts):
    end = tiny_renderer().end_id
    # Half of the first tokens are the end token: replies of many lengths.
    biased = tiny_model()
    hook = biased.lm_head.register_forward_hook(
        lambda module, args, logits: logits.index_fill(-1, torch.tensor(end), 20.0)
    )
    replies = draw(biased, prompts * 8, temperature=6.0)
    hook.remove()
    assert all(reply.index(end) == len(reply) - 1 if end in reply else len(reply) == 12 for reply in replies)
    assert len({len(reply) for reply in replies}) > 2


def test_texts_are_the_decoded_tokens(model, prompts):
    renderer = tiny_renderer()
    texts = sample(model, renderer, prompts, max_new_tokens=12, temperature=1.0, seed=0)
    assert texts == [renderer.reply(ids) for ids in draw(model, prompts)]


def test_no_prompts_give_no_replies(model):
    assert draw(model, []) == []


@pytest.mark.parametrize("name", ["llama", "gpt2", "gpt_neox", "gemma"])
def test_a_model_says_how_long_a_text_it_takes(name):
    assert context_length(family_model(name, 400)) == 256


def test_a_model_without_position_embeddings_knows_no_limit_unless_it_states_one():
    assert context_length(family_model("bloom", 400)) is None
    config = Nursery(arch="bloom", context=128).config(tiny_tokenizer())
    assert config.seq_length == 128
    check_fits(family_model("bloom", 400), 10**6, "A text")


def test_a_prompt_that_leaves_no_room_for_its_reply_is_said():
    prompt = [{"role": "user", "content": "the cat " * 150}]
    with pytest.raises(UserError, match=r"with its reply is \d+ tokens long, but the model's context is 256"):
        sample(tiny_model(), tiny_renderer(), [prompt], max_new_tokens=8, temperature=0.0, seed=0)
