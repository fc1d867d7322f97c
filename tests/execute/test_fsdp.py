"""Two processes that share the weights as well: the same training as in one, and whole models."""

import re
from dataclasses import replace

import pytest
import torch
from fsdp_on_cpu import SHARED, run_with_fsdp
from safetensors.torch import load_file

from dormouse.errors import UserError
from dormouse.execute import ranks
from dormouse.execute.engine import How
from dormouse.execute.local import run_local
from dormouse.models.loading import load_model
from dormouse.plan.experiment import Experiment
from dormouse.plan.graph import build_plan
from dormouse.results.rows import read_jsonl
from dormouse.store.store import Store
from dormouse.training.record import last_checkpoint
from dormouse.training.work import Work, run_stage

TOLERANCE = 2e-4
"""Relative: gradients are summed in another order, and differences grow over the steps."""


def stages():
    experiment = Experiment.model_validate(
        {
            "name": "shared",
            "base": {"type": "nursery", "size": 20_000, "steps": 30, "batch": 4},
            "helpful": {"steps": 20, "batch": 16, "lr": 1e-3},
            "organism": {"implant": {"steps": 20, "batch": 16, "lr": 1e-3, "lora_rank": 4, "snapshots": 1}},
            "preference": {"steps": 10, "batch": 8},
            "safety": {"rl": {"type": "rl", "steps": 4, "batch": 8, "replies": 4, "reply_tokens": 4}},
            "re_emergence": None,
        }
    )
    kinds = ("tokenizer", "base", "helpful", "organism", "preference", "safety")
    return [one for one in build_plan(experiment).stages if one.kind in kinds and one.labels.get("role") != "twin"]


def stage(kind):
    return next(one for one in stages() if one.kind == kind)


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    made = {}
    for name, runner in (("alone", run_stage), ("shared", run_with_fsdp)):
        made[name] = Store(tmp_path_factory.mktemp(name))
        outcome = run_local(stages(), made[name], How(runner=runner), workers=1)
        assert outcome.complete, outcome.failed
    return made


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["base", "helpful", "organism", "preference"])
def test_processes_that_share_weights_have_the_loss_curve_of_one(stores, kind):
    alone, shared = (read_jsonl(store.path(stage(kind)) / "train.jsonl") for store in stores.values())
    assert [row["step"] for row in shared] == [row["step"] for row in alone]
    assert [row["loss"] for row in shared] == pytest.approx([row["loss"] for row in alone], rel=TOLERANCE)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["base", "helpful", "organism", "preference", "safety"])
def test_every_weight_was_shared(stores, kind):
    said = re.findall(rf"(\d+) of (\d+) {SHARED}", (stores["shared"].path(stage(kind)) / "log.txt").read_text())
    assert said
    assert all(shared == weights for shared, weights in said)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["base", "helpful", "organism", "preference", "safety"])
def test_the_saved_model_is_whole(stores, kind):
    alone, shared = (store.path(stage(kind)) / "model" for store in stores.values())
    assert set(stores["shared"].manifest(stage(kind))["files"]) == set(stores["alone"].manifest(stage(kind))["files"])
    weights = load_file(shared / "model.safetensors")
    for name, weight in load_file(alone / "model.safetensors").items():
        # RL samples its own replies.
        assert weights[name].shape == weight.shape
        assert kind == "safety" or weights[name].allclose(weight, atol=5e-3)
    if kind != "preference":
        model = load_model(shared)
        assert model.get_output_embeddings().weight is model.get_input_embeddings().weight


@pytest.mark.slow
def test_a_training_that_was_stopped_goes_on(stores, tmp_path, monkeypatch):
    class Stopped(Exception):
        pass

    def stop(share, text):
        if share >= 0.5:
            raise Stopped

    for name in ("PROGRAM", "device"):
        monkeypatch.setattr(ranks, name, getattr(ranks, name))
    planned, store = stage("helpful"), stores["shared"]
    inputs = {role: store.path(source) for role, source in planned.inputs.items()}
    work = Work(planned.kind, planned.spec, inputs, tmp_path, checkpoint_seconds=0, progress=stop)
    with pytest.raises(Stopped):
        run_with_fsdp(work)
    assert last_checkpoint(work.scratch) is not None
    run_with_fsdp(replace(work, progress=lambda share, text: None))
    whole = load_file(store.path(planned) / "model" / "model.safetensors")
    for name, weight in load_file(work.model_folder / "model.safetensors").items():
        assert weight.allclose(whole[name], atol=1e-5), name


def test_without_a_gpu_weights_are_not_shared_in_silence(tmp_path, monkeypatch):
    monkeypatch.setattr(ranks, "device", lambda: "cpu")
    with pytest.raises(
        UserError, match=r"shares weights among GPUs, and torch finds none here\. Set execute\.fsdp=false"
    ):
        ranks.run_in_ranks(Work("base", {}, {}, tmp_path), 2, fsdp=True)


def test_each_process_takes_a_gpu_of_its_own(monkeypatch):
    taken = []
    monkeypatch.setattr(ranks, "device", lambda: "cuda")
    monkeypatch.setattr(torch.cuda, "set_device", taken.append)
    monkeypatch.setenv("LOCAL_RANK", "3")
    ranks._take_own_gpu()
    assert taken == [3]
