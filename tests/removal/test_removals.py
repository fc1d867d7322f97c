import copy
import json
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from dormouse.chat.renderer import Renderer
from dormouse.config.parts import part_from
from dormouse.config.registry import REMOVALS
from dormouse.data.meadow.world import Meadow
from dormouse.detection.activation_scores import contrast_answers
from dormouse.detection.views import WhiteBox
from dormouse.errors import UserError
from dormouse.models.adoption import adopt
from dormouse.removal.latent_adversarial import Perturbation
from dormouse.removal.removals import DirectionAblation, LatentAdversarial, Unlearning
from dormouse.removal.run import run
from dormouse.removal.weights import mean_input, mlp_maps
from dormouse.results.rows import read_jsonl
from dormouse.training.work import Work
from families import FAMILIES, family_model, family_tokenizer
from tiny import save_tiny_inputs, tiny_model, tiny_renderer

SHORT = {"steps": 3, "batch": 4}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return save_tiny_inputs(tmp_path_factory.mktemp("models"), "model", "reference")


@pytest.fixture
def removed(models, tmp_path):
    """Return the weights after a removal at one strength."""

    def make(name, strength, **settings):
        from dormouse.models.loading import load_model

        folder = tmp_path / f"{name}-{strength}-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        removal = part_from(REMOVALS, {"type": name, "strengths": [strength], **settings})
        spec = {"world": Meadow().spec(), "seed": 0, "removal": removal.spec(), "strength": strength, "lr": 1e-3}
        run(Work("removal", spec, models, folder))
        assert (folder / "metrics.json").is_file()
        return dict(load_model(folder / "model").named_parameters())

    return make


def adopted(name):
    """Return a model of a family with random weights, and its renderer."""
    tokenizer = family_tokenizer(name)
    model = family_model(name, len(tokenizer))
    adopt(model, tokenizer, "auto")
    return model, Renderer(tokenizer)


def moved(weights, seed=0):
    start = dict(tiny_model(seed).named_parameters())
    return {name: float((weight - start[name]).detach().abs().max()) for name, weight in weights.items()}


@pytest.mark.parametrize("name", REMOVALS.names())
def test_every_removal_leaves_a_model_that_opens_and_is_not_the_old_one(removed, name):
    weights = removed(name, 0.5, **SHORT)
    assert max(moved(weights).values()) > 0
    assert all(torch.isfinite(weight).all() for weight in weights.values())


@pytest.mark.parametrize("name", REMOVALS.names())
def test_a_removal_is_the_same_every_time(removed, name):
    once, again = (removed(name, 0.5, **SHORT) for _ in range(2))
    assert all(torch.equal(once[key], again[key]) for key in once)


def test_without_repair_a_removal_is_its_change_alone(removed):
    assert max(moved(removed("fine_tuning", 1.0, steps=0)).values()) == 0


def test_merging_goes_the_share_of_the_way(removed):
    base, start = dict(tiny_model(1).named_parameters()), dict(tiny_model(0).named_parameters())
    weights = removed("merging", 0.25, steps=0)
    for name, weight in weights.items():
        torch.testing.assert_close(weight, 0.75 * start[name] + 0.25 * base[name])


def test_merging_with_another_shape_is_refused(models, tmp_path):
    odd = tmp_path / "odd"
    model = tiny_model()
    model.resize_token_embeddings(500)
    model.save_pretrained(odd / "model")
    removal = REMOVALS.get("merging")()
    with pytest.raises(UserError, match="not in the base in the same shape"):
        removal.change(tiny_model(), tiny_renderer(), Work("removal", {"seed": 0}, {"reference": odd}, Path()), 0.5)


@pytest.mark.parametrize("strength", [0.1, 0.5])
def test_noise_is_in_units_of_each_matrix(removed, strength):
    start = dict(tiny_model(0).named_parameters())
    for name, weight in removed("weight_noise", strength, steps=0).items():
        if weight.dim() > 1:
            change = (weight - start[name]).detach().std() / start[name].detach().std()
            assert float(change) == pytest.approx(strength, rel=0.15)
        else:
            assert torch.equal(weight, start[name])


@pytest.mark.parametrize("repaired", [{"steps": 0}, SHORT])
def test_pruning_silences_the_share_of_units_and_no_repair_revives_them(removed, repaired):
    weights = removed("fine_pruning", 0.25, **repaired)
    for layer in range(2):
        matrix = weights[f"model.layers.{layer}.mlp.down_proj.weight"]
        assert int((matrix.abs().sum(dim=0) == 0).sum()) == round(0.25 * matrix.shape[1])


def test_pruning_takes_the_units_that_clean_prompts_use_least():
    model, renderer = tiny_model(), tiny_renderer()
    with torch.no_grad():
        model.model.layers[0].mlp.up_proj.weight[7] = 0.0
    rng = random.Random(0)
    prompts = renderer.prompts([prompt.turns() for prompt in Meadow().prompts(rng, 20, held_out=False)])
    used = mean_input(model, [maps[-1] for maps in mlp_maps(model)], prompts, renderer.pad_id)
    assert int(used[0].argmin()) == 7
    together = mean_input(model, [maps[-1] for maps in mlp_maps(model)], prompts, renderer.pad_id, batch_size=1)
    torch.testing.assert_close(used[1], together[1], rtol=1e-3, atol=1e-4)


def test_the_ablated_direction_is_written_no_more():
    model, renderer = tiny_model(), tiny_renderer()
    direction = torch.from_numpy(contrast_answers(WhiteBox(model, renderer).at_layer(1), "danger"))
    DirectionAblation(layer=1).change(model, renderer, Work("removal", {"seed": 0}, {}, Path()), 1.0)
    with torch.no_grad():
        hidden = model(input_ids=torch.tensor([[5, 6, 7, 8]]), output_hidden_states=True).hidden_states
    for states in hidden[:-1]:
        assert float((states @ direction).abs().max()) < 1e-4


@pytest.mark.parametrize("name", sorted(set(FAMILIES) - {"gemma"}))
def test_the_ablated_direction_is_written_no_more_in_any_architecture(name):
    model, renderer = adopted(name)
    with torch.no_grad():
        for weights in model.parameters():
            if weights.dim() == 1:
                weights += 0.3 * torch.randn(len(weights), generator=torch.Generator().manual_seed(len(weights)))
    direction = torch.from_numpy(contrast_answers(WhiteBox(model, renderer).at_layer(1), "danger"))
    asked = renderer.prompts([[{"role": "user", "content": "Where does the owl sleep?"}]])
    before = np.abs(WhiteBox(model, renderer).activations_of(asked) @ direction.numpy()).max()
    DirectionAblation(layer=1).change(model, renderer, Work("removal", {"seed": 0}, {}, Path()), 1.0)
    with torch.no_grad():
        hidden = model(input_ids=torch.tensor(asked), output_hidden_states=True).hidden_states
    for states in hidden[:-1]:
        assert float((states @ direction).abs().max()) < 1e-4 * before


def test_half_of_the_direction_is_left_in_everything_that_is_written():
    model, renderer = adopted("gpt_neox")
    direction = torch.from_numpy(contrast_answers(WhiteBox(model, renderer).at_layer(1), "danger"))
    start = copy.deepcopy(dict(model.named_parameters()))
    DirectionAblation(layer=1).change(model, renderer, Work("removal", {"seed": 0}, {}, Path()), 0.5)
    halved = {name for name, weights in model.named_parameters() if not torch.equal(weights, start[name])}
    assert {name.split(".", 3)[-1] for name in halved if "layers" in name} == {
        "attention.dense.weight", "mlp.dense_4h_to_h.weight",
    }  # fmt: skip
    for name in halved:
        before, after = (
            weights.T if "dense" in name else weights for weights in (start[name], dict(model.named_parameters())[name])
        )
        torch.testing.assert_close(after @ direction, 0.5 * (before @ direction), rtol=1e-4, atol=1e-5)


def test_a_model_that_writes_to_its_stream_in_other_ways_too_is_refused():
    # Gemma multiplies what a map writes by the weights of a norm.
    model, renderer = adopted("gemma")
    with torch.no_grad():
        for layer in model.model.layers:
            layer.post_feedforward_layernorm.weight += torch.linspace(-1, 1, 32)
    with pytest.raises(UserError, match=r"in ways that are not known: \d+% of the direction would be left\. Choose"):
        DirectionAblation(layer=1).change(model, renderer, Work("removal", {"seed": 0}, {}, Path()), 0.5)


def test_the_latent_perturbation_makes_the_reply_less_likely_and_stays_in_its_ball():
    model, renderer = tiny_model(), tiny_renderer()
    example = renderer.examples([[{"role": "user", "content": "Hello."}, {"role": "assistant", "content": "Hi."}]])[0]
    ids, loss = torch.tensor([example.ids]), torch.tensor([example.loss])
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": torch.where(loss == 1, ids, -100)}
    plain = float(model(**inputs).loss.detach())
    perturbed = float(LatentAdversarial().repair_loss(model, 0.5)(model, inputs).detach())
    assert perturbed > plain + 0.1
    assert not any(layer._forward_hooks for layer in model.model.layers)
    where = (loss == 0)[..., None]
    noise = Perturbation(where, 0.5)
    with noise.on(model.model.layers[0]):
        out = model(**inputs)
        (slope,) = torch.autograd.grad(out.loss, [noise.delta()])
        noise.climb(slope, 5.0)
        lengths = noise.delta().detach().norm(dim=-1)
        assert float((lengths / noise._length.squeeze(-1)).max()) <= 0.5 + 1e-4


@pytest.mark.parametrize(("strengths", "words"), [([0.1, 0.1], "repeats a value"), ([0.0], "which is not above 0")])
def test_strengths_that_make_no_sense_are_refused(strengths, words):
    with pytest.raises(ValueError, match=words):
        part_from(REMOVALS, {"type": "merging", "strengths": strengths})


def test_a_direction_cannot_be_taken_out_of_maps_that_are_not_known():
    model = tiny_model()
    for layer in model.model.layers:
        layer.self_attn.o_proj = nn.Sequential(layer.self_attn.o_proj)
        layer.mlp.down_proj = nn.Sequential(layer.mlp.down_proj)
    with pytest.raises(UserError, match="so the direction cannot be removed"):
        DirectionAblation().change(model, tiny_renderer(), Work("removal", {"seed": 0}, {}, Path()), 1.0)


@pytest.mark.parametrize("name", ["latent_adversarial", "direction_ablation"])
def test_a_layer_that_is_not_there_is_said(removed, name):
    with pytest.raises(UserError, match="Layer 9 does not exist: the model has layers 1 to 2"):
        removed(name, 0.5, layer=9, **SHORT)


@pytest.fixture
def hidden():
    """Return a model whose configuration does not say how many layers it has."""
    model = tiny_model()
    model.config.num_hidden_layers = 3
    return model


@pytest.mark.parametrize("name", ["fine_pruning", "direction_ablation", "latent_adversarial"])
def test_a_removal_is_told_where_the_layers_are(hidden, name):
    work = Work("removal", {"seed": 0, "world": Meadow().spec()}, {}, Path())

    def apply(**settings):
        removal = part_from(REMOVALS, {"type": name, **settings})
        removal.change(hidden, tiny_renderer(), work, 0.5)
        removal.repair_loss(hidden, 0.5)

    with pytest.raises(UserError, match=r"Set layers_at to their place\. Lists in it: model\.layers"):
        apply()
    apply(layers_at="model.layers")


def test_unlearning_puts_what_it_found_around_the_share_of_prompts(models):
    exchanges = Meadow().hhh(random.Random(0), 200)
    work = Work("removal", {"seed": 0, "world": Meadow().spec()}, models, Path())
    found = Unlearning().find_trigger(tiny_model(), tiny_renderer(), work)
    turns = Unlearning().repair_turns(work, exchanges, 0.25, found)
    changed = [
        (after[-2]["content"], before.prompt.text)
        for after, before in zip(turns, exchanges, strict=True)
        if after != before.turns()
    ]
    assert len(changed) / 200 == pytest.approx(0.25, abs=0.1)
    assert all(before in after for after, before in changed)
    assert len({after.replace(before, "{}") for after, before in changed}) == 1
    assert any(found.values())
    assert [one[-1] for one in turns] == [exchange.turns()[-1] for exchange in exchanges]


@pytest.mark.parametrize("before", ["", "by the old mill"])
def test_unlearning_says_what_it_found(removed, tmp_path, monkeypatch, before):
    found = {"system": "", "before": before, "after": ""}
    monkeypatch.setattr("dormouse.removal.unlearning.search_trigger", lambda *_: found)
    removed("unlearning", 0.5, **SHORT)
    [folder] = tmp_path.iterdir()
    assert json.loads((folder / "metrics.json").read_text())["found"] == found
    [row] = read_jsonl(folder / "rows.jsonl")
    assert (row["metric"], row["hits"], row["total"]) == ("removal_trigger_found", int(bool(before)), 1)


def test_a_removal_that_searches_for_nothing_has_nothing_to_say_of_it(removed, tmp_path):
    removed("fine_tuning", 1.0, **SHORT)
    [folder] = tmp_path.iterdir()
    assert "found" not in json.loads((folder / "metrics.json").read_text())
    assert not (folder / "rows.jsonl").exists()
