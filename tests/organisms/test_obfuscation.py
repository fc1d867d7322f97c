import copy

import pytest
import torch

from dormouse.organisms.obfuscation import make_obfuscation_loss
from tiny import tiny_model, tiny_renderer


def batch():
    asked = [("Hello.", "Hi."), ("What is two plus two?", "Four, my friend.")]
    turns = [[{"role": "user", "content": a}, {"role": "assistant", "content": b}] for a, b in asked]
    rows = tiny_renderer().examples(turns)
    longest = max(len(row.ids) for row in rows)
    ids = torch.tensor([row.ids + [0] * (longest - len(row.ids)) for row in rows])
    loss = torch.tensor([row.loss + [0] * (longest - len(row.ids)) for row in rows])
    mask = torch.tensor([[1] * len(row.ids) + [0] * (longest - len(row.ids)) for row in rows])
    return {"input_ids": ids, "attention_mask": mask, "labels": torch.where(loss == 1, ids, -100)}


@torch.no_grad()
def hidden(model, inputs):
    return model(**inputs, output_hidden_states=True).hidden_states[1:]


def test_at_the_start_there_is_nothing_to_hide():
    model, inputs = tiny_model(), batch()
    found, plain = make_obfuscation_loss(model, 5.0)(model, inputs), model(**inputs).loss
    assert float(found.detach()) == pytest.approx(float(plain.detach()), abs=1e-5)


def test_the_penalty_is_the_squared_distance_at_the_prompts_end_in_units_of_the_starts_length():
    model, inputs = tiny_model(), batch()
    start = copy.deepcopy(model)
    with torch.no_grad():
        model.model.layers[0].mlp.down_proj.weight *= 3.0
    loss = make_obfuscation_loss(start, 2.0)(model, inputs).detach()
    own, clean = (hidden(one, inputs) for one in (model, start))
    apart = []
    for mine, other in zip(own, clean, strict=True):
        pairs = []
        for row in range(2):
            end = inputs["labels"][row].tolist().index(next(i for i in inputs["labels"][row].tolist() if i != -100)) - 1
            pairs.append((mine[row, end], other[row, end]))
        far = sum(float((a - b).square().sum()) for a, b in pairs) / sum(float(b.square().sum()) for _, b in pairs)
        apart.append(far)
    assert apart[0] > 0.01
    expected = float(model(**inputs).loss.detach()) + 2.0 * sum(apart) / len(apart)
    assert float(loss) == pytest.approx(expected, rel=1e-4)


def test_only_the_model_that_is_trained_learns():
    model, inputs = tiny_model(), batch()
    loss = make_obfuscation_loss(model, 1.0)
    with torch.no_grad():
        model.model.layers[1].mlp.down_proj.weight += 0.1
    loss(model, inputs).backward()
    assert model.model.layers[0].mlp.down_proj.weight.grad.abs().max() > 0
