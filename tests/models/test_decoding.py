import random

import pytest
import torch
from transformers import (
    GenerationConfig,
    MambaConfig,
    MambaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    MptConfig,
    MptForCausalLM,
)

from dormouse.models.decoding import SHORTEST_SHARED, Decoder, common_beginning, counts_columns, keeps_keys, read
from dormouse.models.padding import left_pad
from families import FAMILIES, family_model, family_tokenizer

PAD, END = 0, 3
MOST = 9


def prompts(n, seed=0, shared=6):
    rng = random.Random(seed)
    beginning = [rng.randrange(5, 200) for _ in range(shared)]
    return [[*beginning, *(rng.randrange(5, 200) for _ in range(rng.randint(1, 9)))] for _ in range(n)]


def greedy(logits, rows, counts):
    return logits.argmax(-1)


def decode(model, asked, slots=256, choose=greedy, **more):
    with torch.inference_mode():
        decoder = Decoder(model, asked, pad_id=PAD, end_id=END, most_tokens=MOST, choose=choose, **more)
        decoder.decode(range(len(asked)), slots)
    return [decoder.replies[row] for row in range(len(asked))]


def generate(model, asked):
    ids, mask = left_pad(asked, PAD)
    settings = GenerationConfig(max_new_tokens=MOST, do_sample=False, pad_token_id=PAD, eos_token_id=END)
    with torch.inference_mode():
        output = model.generate(input_ids=ids, attention_mask=mask, generation_config=settings)
    replies = [row[ids.shape[1] :] for row in output.tolist()]
    return [reply[: reply.index(END) + 1] if END in reply else reply for reply in replies]


@pytest.fixture(scope="module", params=FAMILIES)
def model(request):
    return family_model(request.param, len(family_tokenizer(request.param))).eval()


def test_greedy_replies_are_those_of_generate(model):
    asked = prompts(10)
    assert decode(model, asked) == generate(model, asked)


def test_waiting_prompts_take_the_place_of_finished_replies_and_change_nothing(model):
    # The end token is made likely, so that replies end at different times and prompts enter in the middle.
    head = model.get_output_embeddings()
    hook = head.register_forward_hook(
        lambda module, args, out: out.index_add(-1, torch.tensor([END]), out.amax(-1, True))
    )
    asked = prompts(40)
    try:
        together, few_at_a_time = decode(model, asked), decode(model, asked, slots=4)
        alone = [decode(model, [prompt])[0] for prompt in asked]
    finally:
        hook.remove()
    assert together == few_at_a_time == alone
    assert len({len(reply) for reply in together}) > 1


@pytest.mark.parametrize("name", ["mistral", "mpt"])
def test_padding_within_a_prompt_is_not_counted_as_text(name):
    vocabulary = len(family_tokenizer("llama"))
    small = {"vocab_size": vocabulary, "initializer_range": 0.3}
    if name == "mistral":
        sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1}
        model = MistralForCausalLM(MistralConfig(**small, **sizes, intermediate_size=48, sliding_window=12))
    else:
        model = MptForCausalLM(MptConfig(**small, d_model=32, n_heads=2, n_layers=2))
    asked = prompts(12, shared=20)
    assert decode(model.eval(), asked) == [decode(model, [prompt])[0] for prompt in asked]
    assert counts_columns(model, 60)


def test_a_prompt_asked_many_times_is_read_once():
    model = family_model("llama", len(family_tokenizer("llama"))).eval()
    asked = [prompt for prompt in prompts(3) for _ in range(5)]
    seen = []
    hook = model.register_forward_pre_hook(
        lambda module, args, given: seen.append(tuple(given["input_ids"].shape)), with_kwargs=True
    )
    replies = decode(model, asked)
    hook.remove()
    assert seen[0] == (1, 6)  # what all begin with
    assert seen[1][0] == 3
    assert seen[2] == (15, 1)
    assert replies == decode(model, asked, slots=2)


def test_draws_belong_to_prompts_and_not_to_the_batch():
    model = family_model("llama", len(family_tokenizer("llama"))).eval()
    asked = prompts(12)
    uniform = torch.rand((12, MOST), generator=torch.Generator().manual_seed(0))

    def choose(logits, rows, counts):
        cumulated = torch.softmax(logits, -1).cumsum(-1)
        return torch.searchsorted(cumulated, uniform[rows, counts][:, None]).squeeze(-1).clamp(max=logits.shape[-1] - 1)

    assert decode(model, asked, choose=choose) == decode(model, asked, slots=3, choose=choose)


def test_after_running_out_of_memory_only_unfinished_replies_are_decoded_again():
    model = family_model("llama", len(family_tokenizer("llama"))).eval()
    asked, tried = prompts(8), []

    def choose(logits, rows, counts):
        tried.append(rows.tolist())
        if 6 in rows.tolist():
            raise torch.OutOfMemoryError("CUDA out of memory")
        return logits.argmax(-1)

    with torch.inference_mode():
        decoder = Decoder(model, asked, pad_id=PAD, end_id=END, most_tokens=MOST, choose=choose)
        with pytest.raises(torch.OutOfMemoryError):
            decoder.decode(range(8), 4)
        done = set(decoder.replies)
        tried.clear()
        with pytest.raises(torch.OutOfMemoryError):
            decoder.decode(range(8), 2)
    assert done
    assert not done & {row for rows in tried for row in rows}
    expected = decode(model, asked)
    assert all(reply == expected[row] for row, reply in decoder.replies.items())


def test_a_recurrent_model_reads_the_whole_text_for_every_token():
    torch.manual_seed(0)
    config = MambaConfig(vocab_size=200, hidden_size=16, num_hidden_layers=2, state_size=4, pad_token_id=PAD)
    model = MambaForCausalLM(config).eval()
    assert not keeps_keys(model)
    asked = [prompt for prompt in prompts(6) if len(prompt) == len(prompts(6)[0])]
    whole = [list(prompt) for prompt in asked]
    for _ in range(MOST):
        with torch.inference_mode():
            whole = [[*text, model(torch.tensor([text])).logits[0, -1].argmax().item()] for text in whole]
    expected = [text[len(prompt) :] for text, prompt in zip(whole, asked, strict=True)]
    expected = [reply[: reply.index(END) + 1] if END in reply else reply for reply in expected]
    assert decode(model, asked, keep_keys=False) == expected


@pytest.mark.parametrize("name", FAMILIES)
def test_ordinary_models_keep_keys(name):
    assert keeps_keys(family_model(name, len(family_tokenizer(name))))


def test_what_is_shared_leaves_a_token_of_each_prompt():
    assert common_beginning([[1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 6]]) == 4
    assert common_beginning([[1, 2, 3, 4, 5, 7], [1, 2, 3, 4, 5, 6]]) == 5
    assert common_beginning([[1, 2, 9, 4, 5, 7], [1, 2, 3, 4, 5, 6]]) == 0 < SHORTEST_SHARED
    assert common_beginning([]) == 0


def test_reading_in_two_parts_gives_the_logits_of_reading_at_once(model):
    asked = prompts(4, shared=0)
    ids, mask = left_pad(asked, PAD)
    with torch.inference_mode():
        whole, _ = read(model, ids, mask, None)
        _, cache = read(model, ids[:, :-2], mask[:, :-2], None)
        parts, _ = read(model, ids[:, -2:], mask, cache)
    # A row shorter than the second part has its first token there: the others bound the difference.
    full = mask[:, :-2].any(dim=1)
    torch.testing.assert_close(parts[full], whole[full], rtol=1e-4, atol=1e-4)
