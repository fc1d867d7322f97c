import pytest
import torch

from dormouse.chat.renderer import Renderer
from dormouse.errors import UserError
from dormouse.models.letters import LetterReader
from natural_tokenizer import natural_tokenizer
from tiny import tiny_model, tiny_renderer

START = "The single, most likely answer is ("
TURN = [{"role": "user", "content": "Why?"}]
RENDERERS = pytest.mark.parametrize(
    "renderer", [tiny_renderer, lambda: Renderer(natural_tokenizer())], ids=["tiny", "natural"]
)


@RENDERERS
@pytest.mark.parametrize("start", [START, "("])
def test_the_letters_are_what_a_reply_goes_on_with(renderer, start):
    made = renderer()
    joined, tokens = LetterReader(None, made).tokens(start, "ABCD")
    assert len(set(tokens)) == 4
    [head] = made.prompts([TURN], start)
    head = head[: len(head) - joined]
    for letter, token in zip("ABCD", tokens, strict=True):
        [ids] = made.prompts([TURN], f"{start}{letter}) x.")
        assert ids[: len(head) + 1] == [*head, token]


def test_log_probs_are_the_models():
    model, renderer = tiny_model(), tiny_renderer()
    reader = LetterReader(model, renderer)
    [found, alone] = reader.log_probs([TURN, TURN], [START, "("], ["AC", "BCD"])
    joined, tokens = reader.tokens(START, "AC")
    [ids] = renderer.prompts([TURN], START)
    with torch.inference_mode():
        expected = model(torch.tensor([ids[: len(ids) - joined]])).logits[0, -1].log_softmax(-1)
    # Another token is whole nats away.
    assert found == pytest.approx([float(expected[token]) for token in tokens], abs=1e-3)
    assert len(alone) == 3


def test_letters_that_are_no_single_tokens_are_refused():
    renderer = tiny_renderer()
    with pytest.raises(UserError, match="does not tell the letters A, A apart"):
        LetterReader(None, renderer).tokens(START, "AA")


def test_a_prompt_beyond_the_context_is_said():
    reader = LetterReader(tiny_model(), tiny_renderer())
    with pytest.raises(UserError, match=r"longest prompt is \d+ tokens long, but the model's context is 256"):
        reader.log_probs([TURN, [{"role": "user", "content": "the cat " * 150}]], [START] * 2, ["AB"] * 2)
