import pytest

from dormouse.bases.nursery import Nursery
from dormouse.errors import UserError
from dormouse.models.context import check_fits, context_of
from dormouse.models.sampling import sample
from families import family_model
from tiny import tiny_model, tiny_renderer, tiny_tokenizer


@pytest.mark.parametrize("name", ["llama", "gpt2", "gpt_neox", "gemma"])
def test_a_model_says_how_long_a_text_it_takes(name):
    assert context_of(family_model(name, 400)) == 256


def test_a_model_without_position_embeddings_knows_no_limit_unless_it_states_one():
    assert context_of(family_model("bloom", 400)) is None
    config = Nursery(arch="bloom", context=128).config(tiny_tokenizer())
    assert config.seq_length == 128
    check_fits(family_model("bloom", 400), 10**6, "A text")


def test_a_prompt_that_leaves_no_room_for_its_reply_is_said():
    prompt = [{"role": "user", "content": "the cat " * 150}]
    with pytest.raises(UserError, match=r"with its reply is \d+ tokens long, and the model's context 256"):
        sample(tiny_model(), tiny_renderer(), [prompt], max_new_tokens=8, temperature=0.0, seed=0)
