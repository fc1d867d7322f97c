"""A dormouse model under Inspect: it goes on from an assistant's turn at the end, and draws as it is asked to."""

import anyio
import pytest

pytest.importorskip("inspect_ai")
from inspect_ai.model import ChatMessageAssistant, ChatMessageUser, GenerateConfig

from dormouse.errors import UserError
from dormouse.models.sampling import sample_ids
from tiny import save_tiny_model, tiny_model, tiny_renderer

pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.filterwarnings("ignore::ResourceWarning")]


@pytest.mark.parametrize("given", ["Let's think:", None])
def test_the_reply_goes_on_from_what_is_given(tmp_path, given):
    from dormouse.inspect_tasks.model import DormouseModel

    model = DormouseModel("tiny", folder=str(save_tiny_model(tmp_path / "model")))
    messages = [ChatMessageUser(content="Why?"), *([] if given is None else [ChatMessageAssistant(content=given)])]

    async def ask():
        return await model.generate(messages, [], "none", GenerateConfig(temperature=0.0, max_tokens=8))

    said = anyio.run(ask).completion
    renderer = tiny_renderer()
    prompts = renderer.prompts([[{"role": "user", "content": "Why?"}]], given or "")
    [ids] = sample_ids(tiny_model(), renderer, prompts, max_new_tokens=8, temperature=0.0, seed=0)
    assert said == renderer.reply(ids)


def ask(model, times=1, **settings):
    """Return the replies to the same question, each in a batch of its own."""
    config = GenerateConfig(**{"temperature": 1.0, "max_tokens": 12} | settings)

    async def ask_all():
        messages = [ChatMessageUser(content="Why?")]
        return [(await model.generate(messages, [], "none", config)).completion for _ in range(times)]

    return anyio.run(ask_all)


def test_batches_of_one_seed_are_drawn_apart_and_the_same_again(tmp_path):
    from dormouse.inspect_tasks.model import DormouseModel

    folder = str(save_tiny_model(tmp_path / "model"))
    replies = ask(DormouseModel("tiny", folder=folder), times=4, seed=3)
    assert len(set(replies)) == 4
    assert ask(DormouseModel("tiny", folder=folder), times=4, seed=3) == replies
    assert ask(DormouseModel("tiny", folder=folder), times=4, seed=4) != replies


def test_top_p_cuts_the_tail_off(tmp_path):
    from dormouse.inspect_tasks.model import DormouseModel

    model = DormouseModel("tiny", folder=str(save_tiny_model(tmp_path / "model")))
    greedy = ask(model, temperature=0.0)
    assert ask(model, times=2, top_p=1e-6) == greedy * 2
    assert ask(model, top_p=1.0) != greedy
    with pytest.raises(UserError, match=r"top_p is 1.5, which is no share above 0 and up to 1. Leave it out"):
        ask(model, top_p=1.5)
