"""The adapter to vLLM, against a stand-in with its arguments: vLLM itself needs a GPU."""

import json
import random
import sys
from pathlib import Path

import pytest
import torch

from dormouse.data.meadow.world import Meadow
from dormouse.errors import UserError
from dormouse.evaluation.replies import ask, held_out_questions
from dormouse.evaluation.settings import Measure
from dormouse.evaluation.subject import subjects, trained
from dormouse.execute.ranks import run_with_sampler, runner_for
from dormouse.execute.settings import Execute
from dormouse.models import vllm_sampling
from dormouse.models.loading import load
from dormouse.models.sampling import sample_ids
from dormouse.models.settings import Sampler
from dormouse.models.vllm_sampling import LARGE, Engine, start_engine
from dormouse.organisms.settings import Organism
from dormouse.plan.experiment import Experiment
from dormouse.plan.graph import build_plan
from dormouse.training.work import Work
from tiny import save_tiny_model, tiny_model, tiny_renderer

STAND_INS = Path(__file__).parents[1] / "stand_ins"
HOW = {"max_new_tokens": 8, "temperature": 0.0, "seed": 0}


@pytest.fixture
def installed(monkeypatch):
    """vLLM is installed, and there is a GPU."""
    monkeypatch.syspath_prepend(STAND_INS)
    monkeypatch.setattr(vllm_sampling, "device", lambda: "cuda")
    monkeypatch.setattr(vllm_sampling, "has_package", lambda package: True)
    monkeypatch.setattr(vllm_sampling, "version", lambda package: "0.33.0")
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "vllm"]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    root = tmp_path_factory.mktemp("artifact")
    save_tiny_model(root / "model")
    save_tiny_model(root / "snapshots" / "step-000003", seed=1)
    return root


@pytest.fixture(scope="module")
def prompts():
    return tiny_renderer().prompts([prompt.turns() for prompt in Meadow().prompts(random.Random(0), 8, held_out=True)])


@pytest.fixture
def engine(installed, artifact):
    model, renderer = load(artifact / "model")
    return Engine(artifact / "model", model, renderer.end_id, 0.5)


def work_on(artifact, folder, sampler):
    return Work("measure", {}, {"model": artifact}, folder, sampler=Sampler(sampler))


def test_greedy_replies_are_those_of_transformers(engine, artifact, prompts):
    model, renderer = load(artifact / "model")
    assert engine.sample_ids(prompts, **HOW) == sample_ids(model, renderer, prompts, **HOW)


def test_weights_keep_their_number_format(engine):
    assert engine.llm.model.dtype == torch.float32


def test_a_reply_is_cut_after_its_end_token(engine, prompts, monkeypatch):
    monkeypatch.setattr(engine, "end_id", engine.sample_ids(prompts, **HOW)[0][2])
    [reply, *_] = engine.sample_ids(prompts, **HOW)
    assert reply.index(engine.end_id) == len(reply) - 1
    assert engine._cut([engine.end_id, 7, 8]) == [engine.end_id]


def test_equal_prompts_get_replies_of_their_own_and_the_same_again(engine, prompts):
    drawn = engine.sample_ids(prompts[:1] * 8, **HOW | {"temperature": 1.0})
    assert len({tuple(reply) for reply in drawn}) > 4
    assert drawn == engine.sample_ids(prompts[:1] * 8, **HOW | {"temperature": 1.0})
    assert drawn != engine.sample_ids(prompts[:1] * 8, **HOW | {"temperature": 1.0, "seed": 1})


def test_samples_follow_the_distribution_of_the_model(engine, artifact, prompts):
    n = 1500
    first = [reply[0] for reply in engine.sample_ids(prompts[:1] * n, max_new_tokens=1, temperature=1.0, seed=0)]
    with torch.inference_mode():
        likely = torch.softmax(load(artifact / "model")[0](torch.tensor(prompts[:1])).logits[0, -1], -1)
    for token in likely.topk(5).indices.tolist():
        p = likely[token].item()
        # Five standard deviations.
        assert abs(first.count(token) / n - p) < 5 * (p * (1 - p) / n) ** 0.5


def test_prompts_that_do_not_fit_are_said_and_none_give_none(engine):
    assert engine.sample_ids([], **HOW) == []
    with pytest.raises(
        UserError, match=r"longest prompt with its reply is 308 tokens long, but the model's context is 256"
    ):
        engine.sample_ids([[5] * 300], **HOW)


def test_what_is_measured_is_sampled_by_the_engine_at_the_end_of_training_alone(installed, artifact, tmp_path):
    at_end, snapshot = subjects(work_on(artifact, tmp_path, "vllm"))
    assert isinstance(at_end.engine, Engine)
    assert snapshot.engine is None
    assert json.loads((tmp_path / "sampler.json").read_text()) == {"sampler": "vllm", "version": "0.33.0"}
    questions = held_out_questions(Meadow(), Organism(), 0, 2)
    greedy = Measure(prompts=2, reply_tokens=6)
    by_engine = ask(at_end, questions, greedy, 0, greedy=True)
    (tmp_path / "plain").mkdir()
    plain = trained(work_on(artifact, tmp_path / "plain", "transformers"))
    assert plain.engine is None
    assert [reply.ids for reply in by_engine] == [reply.ids for reply in ask(plain, questions, greedy, 0, greedy=True)]
    assert not (tmp_path / "plain" / "sampler.json").exists()


class Sized:
    def __init__(self, parameters):
        self.parameters = parameters

    def num_parameters(self):
        return self.parameters


def test_auto_takes_it_for_large_models_on_a_gpu_where_it_is_installed(installed, monkeypatch, tmp_path):
    monkeypatch.setattr(vllm_sampling, "Engine", lambda *given: "vLLM")

    def taken(parameters):
        return start_engine(Sampler("auto"), tmp_path, Sized(parameters), 0)

    assert taken(LARGE) == "vLLM"
    assert taken(LARGE - 1) is None
    monkeypatch.setattr(vllm_sampling, "device", lambda: "cpu")
    assert taken(LARGE) is None
    monkeypatch.setattr(vllm_sampling, "device", lambda: "cuda")
    monkeypatch.setattr(vllm_sampling, "has_package", lambda name: False)
    assert taken(LARGE) is None


def test_asked_for_without_a_gpu_it_says_what_to_type(installed, monkeypatch, tmp_path):
    monkeypatch.setattr(vllm_sampling, "device", lambda: "cpu")
    with pytest.raises(UserError, match=r"needs a GPU, and torch finds none\. Set execute\.sampler=transformers"):
        start_engine(Sampler("vllm"), tmp_path, tiny_model(), 0)


def test_asked_for_and_missing_it_says_what_to_type(monkeypatch, tmp_path):
    monkeypatch.setattr(vllm_sampling, "has_package", lambda name: False)
    with pytest.raises(UserError, match=r"not installed\. pip install vllm.*or set execute\.sampler=transformers"):
        start_engine(Sampler("vllm"), tmp_path, tiny_model(), 0)


def test_the_runner_hands_the_sampler_to_the_stage(tmp_path):
    given = []
    sampler = Sampler("vllm", 0.3)
    run_with_sampler(Work("measure", {}, {}, tmp_path), given.append, sampler)
    assert [work.sampler for work in given] == [sampler]
    assert runner_for(1, fsdp=False, sampler=sampler).keywords["sampler"] is sampler


def test_the_sampler_is_in_no_key():
    def keys(**execute):
        return [stage.key for stage in build_plan(Experiment(name="one", execute=Execute(**execute))).stages]

    assert keys(sampler="vllm", sampler_memory=0.3) == keys()
