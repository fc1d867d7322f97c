import pytest
import torch
from transformers import AutoModelForSequenceClassification

from dormouse.training.trainee import Trainee, gather_weights, make_skeleton
from families import FAMILIES, family_model, family_tokenizer
from tiny import tiny_model


@pytest.mark.parametrize("name", FAMILIES)
def test_a_skeleton_with_its_weights_is_the_model_again(name):
    model = family_model(name, len(family_tokenizer(name)))
    skeleton = make_skeleton(model)
    assert all(weight.is_meta for weight in skeleton.parameters())
    made = gather_weights(model, skeleton)
    ids = torch.randint(5, 300, (2, 9), generator=torch.Generator().manual_seed(0))
    assert made(ids).logits.equal(model(ids).logits)
    tied = (one.get_output_embeddings().weight is one.get_input_embeddings().weight for one in (made, model))
    assert len(set(tied)) == 1


def test_a_skeleton_takes_what_was_trained(monkeypatch):
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    trainee = Trainee.of(tiny_model(), 2, seed=0)
    with torch.no_grad():
        for name, weight in trainee.model.named_parameters():
            if "lora_B" in name:
                weight.fill_(0.1)
    monkeypatch.delenv("ACCELERATE_USE_FSDP")
    shared, alone = trainee.whole(), Trainee(trainee.model, adapted=True).whole()
    expected = dict(alone.named_parameters())
    untouched = dict(tiny_model().named_parameters())
    assert expected.keys() == untouched.keys()
    changed = [name for name, weight in shared.named_parameters() if not weight.equal(untouched[name])]
    assert changed
    assert all(weight.equal(expected[name]) for name, weight in shared.named_parameters())


def test_the_whole_model_leaves_its_adapter_in_training():
    trainee = Trainee.of(tiny_model(), 2, seed=0)
    assert not any("lora" in name for name, _ in trainee.whole().named_parameters())
    assert any("lora" in name for name, _ in trainee.model.named_parameters())


def test_a_scoring_head_beside_bfloat16_weights_is_trained_in_float32():
    config = tiny_model().config
    config.num_labels, config.pad_token_id = 1, 0
    model = AutoModelForSequenceClassification.from_config(config).to(torch.bfloat16)
    trainee = Trainee.of(model, 2, 0, "SEQ_CLS")
    trainee.in_float32()
    trained = {weight.dtype for weight in trainee.model.parameters() if weight.requires_grad}
    frozen = {weight.dtype for weight in trainee.model.parameters() if not weight.requires_grad}
    assert (trained, frozen) == ({torch.float32}, {torch.bfloat16})
    scores = trainee.model(input_ids=torch.tensor([[5, 6, 7]])).logits
    assert scores.dtype == torch.float32
    scores.sum().backward()
    whole = trainee.whole()
    assert torch.isfinite(whole(input_ids=torch.tensor([[5, 6, 7]])).logits).all()
