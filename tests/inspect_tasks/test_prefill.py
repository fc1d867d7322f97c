"""A dormouse model under Inspect goes on from an assistant's turn at the end of the messages."""

import anyio
import pytest

pytest.importorskip("inspect_ai")
from inspect_ai.model import ChatMessageAssistant, ChatMessageUser, GenerateConfig

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
