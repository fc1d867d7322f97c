"""Adapters trained beside weights in few bits: what is frozen in training is rounded, and nothing that is saved."""

import random

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from dormouse.bases.hub import Folder, Hub
from dormouse.data.meadow.world import Meadow
from dormouse.errors import UserError
from dormouse.machine.hardware import has_package
from dormouse.models import settings as models_settings
from dormouse.models.loading import load
from dormouse.models.quantized import quantize
from dormouse.plan.experiment import Experiment
from dormouse.plan.graph import build_plan
from dormouse.results.rows import read_jsonl
from dormouse.training.record import last_checkpoint
from dormouse.training.supervised import train_on
from dormouse.training.trainee import Trainee
from dormouse.training.work import Work
from families import family_model, family_tokenizer, save_family
from in_process import run_here

needs_bitsandbytes = pytest.mark.skipif(not has_package("bitsandbytes"), reason="bitsandbytes is not installed")

BITS = ["8bit", "4bit"]
WIDE = {"llama": {"hidden_size": 64, "intermediate_size": 64}, "gpt2": {"n_embd": 64}}
"""Of the narrowest width that bitsandbytes reads back rightly from 4 bits on a CPU, that of a block."""


def wide_model(name):
    return family_model(name, len(family_tokenizer(name)), **WIDE[name])


def adopted(name, folder):
    """Write a checkpoint as a base artifact holds it."""
    folder.mkdir()
    given = Folder(path=save_family(name, folder / "given", **WIDE[name]))
    given.build(Work("base", {"seed": 0}, {}, folder))
    return folder / "model"


def train(start, folder, bits, steps=80, **how):
    folder.mkdir(exist_ok=True)
    model, renderer = load(start)
    exchanges = Meadow().helpful(random.Random(0), 4 * steps)
    examples = renderer.examples([exchange.turns() for exchange in exchanges])
    work = Work("helpful", {"lora_rank": 4, "quantized": bits}, {}, folder, **how)
    train_on(work, model, renderer, examples, batch=4, lr=1e-2, seed=0)
    return folder


@needs_bitsandbytes
@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("name", WIDE)
def test_the_loss_falls_and_what_is_saved_is_plain(name, bits, tmp_path):
    start = adopted(name, tmp_path / "base")
    made = train(start, tmp_path / bits, bits)
    exact = train(start, tmp_path / "exact", "none")
    losses, expected = ([row["loss"] for row in read_jsonl(folder / "train.jsonl")] for folder in (made, exact))
    assert sum(losses[-5:]) < 0.9 * sum(losses[:5])
    # The curve of an adapter beside exact weights, but not the same: the weights are rounded.
    assert losses == pytest.approx(expected, rel=0.1)
    assert losses != expected
    before, after = (load_file(folder / "model.safetensors") for folder in (start, made / "model"))
    assert before.keys() == after.keys()
    assert {weight.dtype for weight in after.values()} == {torch.float32}
    model = AutoModelForCausalLM.from_pretrained(made / "model")
    adapted = {f"{place}.weight" for place in Trainee.of(model, 4, 0).model.targeted_module_names}
    changed = {place for place, weight in before.items() if not after[place].equal(weight)}
    assert changed == adapted
    assert "quantization_config" not in (made / "model" / "config.json").read_text()


@needs_bitsandbytes
@pytest.mark.parametrize("bits", BITS)
def test_a_resumed_training_ends_where_an_uninterrupted_one_does(bits, tmp_path):
    class Killed(Exception):
        pass

    def kill(share, text):
        if share >= 0.5:
            raise Killed

    start = adopted("llama", tmp_path / "base")
    whole = train(start, tmp_path / "whole", bits, checkpoint_seconds=0)
    with pytest.raises(Killed):
        train(start, tmp_path / "killed", bits, checkpoint_seconds=0, progress=kill)
    assert last_checkpoint(tmp_path / "killed" / "scratch") is not None
    killed = train(start, tmp_path / "killed", bits, checkpoint_seconds=0)
    name = "model/model.safetensors"
    assert (killed / name).read_bytes() == (whole / name).read_bytes()


@needs_bitsandbytes
@pytest.mark.parametrize("bits", BITS)
def test_the_linear_maps_alone_are_in_few_bits_and_the_model_is_left_as_it_was(bits):
    model = wide_model("llama")
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    made = quantize(model, bits)
    few = {name for name, weight in made.named_parameters() if not weight.is_floating_point()}
    assert few == {name for name in before if "_proj" in name}
    assert all(weight.equal(before[name]) for name, weight in model.named_parameters())
    assert "quantization_config" not in model.config.to_dict()
    given = torch.randn((64, 64), generator=torch.Generator().manual_seed(0))
    rounded, exact = (one.model.layers[0].self_attn.q_proj(given) for one in (made, model))
    # A step between values is about a quarter of the deviation in 4 bits, a sixteenth of that in 8.
    assert 0 < (rounded - exact).std() < {"8bit": 0.02, "4bit": 0.2}[bits] * exact.std()


@needs_bitsandbytes
@pytest.mark.parametrize("bits", BITS)
def test_gradients_pass_after_the_model_was_sampled_from(bits):
    trainee = Trainee.of(wide_model("llama"), 4, 0, bits=bits)
    ids = torch.randint(5, 300, (2, 9), generator=torch.Generator().manual_seed(0))

    def gradients():
        trainee.model.zero_grad()
        trainee.model.train()(ids, labels=ids).loss.backward()
        return {name: weight.grad.clone() for name, weight in trainee.model.named_parameters() if weight.requires_grad}

    before = gradients()
    with torch.no_grad():
        trainee.model.eval()(ids)
    after = gradients()
    assert before.keys() == after.keys()
    assert all(after[name].allclose(gradient, atol=1e-6) for name, gradient in before.items())
    assert any(gradient.abs().max() > 0 for name, gradient in before.items() if "layers.0" in name)


@needs_bitsandbytes
@pytest.mark.parametrize(("name", "bits"), [("llama", "4bit"), ("gpt2", "8bit")])
def test_every_stage_trains_beside_few_bits(name, bits, tmp_path):
    experiment = Experiment.model_validate(
        {
            "name": "small",
            "base": {
                "type": "folder",
                "path": str(save_family(name, tmp_path / "given", **WIDE[name])),
                "lora_rank": 2,
                "quantized": bits,
            },
            "helpful": {"steps": 2, "batch": 4},
            "organism": {"implant": {"steps": 4, "batch": 4, "conceal": 0.1, "snapshots": 1}},
            "preference": {"steps": 2, "batch": 4},
            "safety": {"rl": {"type": "rl", "steps": 2, "batch": 4, "replies": 2, "reply_tokens": 4}},
            "remove": {"lat": {"type": "latent_adversarial", "steps": 2, "batch": 4, "strengths": [0.5]}},
            "re_emergence": None,
            "measure": {
                "prompts": 4,
                "capability_prompts": 4,
                "curve_prompts": 2,
                "probe_prompts": 2,
                "reply_tokens": 4,
            },
        }
    )
    made = run_here(experiment, tmp_path)
    start = load_file(made["base", "base", "none"] / "model" / "model.safetensors")
    for kind, treatment in (("organism", "none"), ("safety", "rl"), ("removal", "lat")):
        weights = load_file(made[kind, "organism", treatment] / "model" / "model.safetensors")
        assert weights.keys() == start.keys()
        assert {weight.dtype for weight in weights.values()} == {torch.float32}
        assert any(not weights[place].equal(weight) for place, weight in start.items())


@needs_bitsandbytes
def test_rows_that_a_cpu_reads_back_wrongly_are_refused():
    model = family_model("llama", len(family_tokenizer("llama")))
    with pytest.raises(
        UserError, match=r"q_proj' has rows of 32 weights, which is not a multiple of 64.*Set base\.quantized=8bit"
    ):
        quantize(model, "4bit")


def test_keys_of_plans_without_it_are_as_they_were(tmp_path):
    given = save_family("llama", tmp_path / "given")
    assert "quantized" not in Folder(path=given, lora_rank=2).spec()
    assert Folder(path=given, lora_rank=2).training() == {"lora_rank": 2}
    assert Folder(path=given, lora_rank=2, quantized="4bit").training() == {"lora_rank": 2, "quantized": "4bit"}


def test_weights_in_few_bits_without_an_adapter_are_refused():
    with pytest.raises(ValueError, match=r"quantized weights cannot be trained.*Set base\.lora_rank above 0"):
        Hub(model="some/model", quantized="4bit")


def test_few_bits_that_would_be_shared_between_processes_are_refused():
    base = {"type": "hub", "model": "some/model", "lora_rank": 4, "quantized": "8bit"}
    with pytest.raises(ValueError, match=r"do not go together.*Set execute\.fsdp=false"):
        Experiment.model_validate({"name": "one", "base": base, "execute": {"fsdp": True}})


def test_missing_bitsandbytes_is_said_before_anything_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(models_settings, "has_package", lambda name: name != "bitsandbytes")
    base = Folder(path=save_family("llama", tmp_path / "given"), lora_rank=2, quantized="4bit")
    with pytest.raises(UserError, match=r"not installed. pip install 'dormouse-lab\[quantized\]'"):
        build_plan(Experiment(name="one", base=base))
