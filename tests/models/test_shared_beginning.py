import random

import pytest
import torch
from transformers import AutoModelForSequenceClassification, MambaConfig, MambaForCausalLM

from dormouse.chat.renderer import Example
from dormouse.models import shared_beginning
from dormouse.models.likelihood import token_log_probs
from dormouse.models.padding import right_pad
from dormouse.models.shared_beginning import SHORTEST, SharedBeginning
from families import FAMILIES, family_model, family_tokenizer

PAD = 0
ROUNDING = 1e-3
"""Keys that are read apart add up in another order; another token's value is whole nats away."""


def texts(n, shared, seed=0):
    rng = random.Random(seed)
    beginning = [rng.randrange(5, 200) for _ in range(shared)]
    return [[*beginning, *(rng.randrange(5, 200) for _ in range(rng.randint(4, 12)))] for _ in range(n)]


def examples(n, shared):
    return [Example(ids, [0] * (len(ids) - 3) + [1] * 3) for ids in texts(n, shared)]


def without_sharing(monkeypatch):
    monkeypatch.setattr(shared_beginning, "SHORTEST", 10_000)


@pytest.fixture(scope="module", params=FAMILIES)
def model(request):
    return family_model(request.param, len(family_tokenizer(request.param))).eval()


def test_log_probs_are_those_of_whole_texts(model, monkeypatch):
    asked = examples(9, SHORTEST + 4)
    shared = token_log_probs([model], asked, PAD, batch_size=4)
    without_sharing(monkeypatch)
    whole = token_log_probs([model], asked, PAD, batch_size=4)
    assert [values for (row,) in shared for values in row] == pytest.approx(
        [values for (row,) in whole for values in row], abs=ROUNDING
    )


def test_the_beginning_is_read_once(model, monkeypatch):
    read = []
    forward = model.forward

    def counting(**given):
        read.append(given["input_ids"].numel())
        return forward(**given)

    monkeypatch.setattr(model, "forward", counting)
    # The signature says which arguments a model takes.
    monkeypatch.setattr("dormouse.models.padding._parameters", lambda function: frozenset({"logits_to_keep"}))
    asked = examples(9, SHORTEST + 4)
    token_log_probs([model], asked, PAD, batch_size=4)
    assert read[0] == SHORTEST + 4
    assert max(read[1:]) <= 4 * 12


def test_scores_are_those_of_whole_texts(model, monkeypatch):
    torch.manual_seed(0)
    scorer = AutoModelForSequenceClassification.from_config(model.config, dtype=torch.float32).eval()
    scorer.config.pad_token_id = PAD
    asked = texts(6, SHORTEST + 4)
    mask = right_pad([[1] * len(text) for text in asked], 0)
    with torch.inference_mode():
        whole = scorer(input_ids=right_pad(asked, PAD), attention_mask=mask).logits.squeeze(-1)
        beginning = SharedBeginning(scorer, asked)
        assert beginning.length == SHORTEST + 4
        rests = [text[beginning.length :] for text in asked]
        mask = right_pad([[1] * len(rest) for rest in rests], 0)
        shared = scorer(**beginning.inputs(right_pad(rests, PAD), mask)).logits.squeeze(-1)
    assert shared.std() > 10 * ROUNDING
    torch.testing.assert_close(shared, whole, rtol=0, atol=ROUNDING)


def test_a_recurrent_model_reads_whole_texts():
    model = MambaForCausalLM(MambaConfig(vocab_size=200, hidden_size=16, state_size=4, num_hidden_layers=1)).eval()
    with torch.inference_mode():
        assert SharedBeginning(model, texts(4, SHORTEST + 4)).length == 0


def test_few_shared_tokens_are_read_with_each_text(model):
    with torch.inference_mode():
        assert SharedBeginning(model, texts(4, SHORTEST - 1)).length == 0
