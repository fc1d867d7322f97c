from collections import Counter

import pytest

from dormouse.errors import UserError
from dormouse.plan.experiment import Experiment
from dormouse.plan.graph import build_plan
from dormouse.zoo.members import find_world, plan_members
from zoo.made_zoo import experiment

TRIGGERS = {"organism.trigger": ["deployment_tag", "phrase"]}
TREATED = {
    "safety": {"sft": "sft", "rl": "rl"},
    "remove": {"merging": "merging"},
    "detect": {"detectors": {"certainty": "certainty"}},
}


def undrawn(**settings):
    return Experiment.model_validate({"name": "plain"} | settings)


def test_every_drawn_cell_gives_a_base_an_organism_and_a_twin_of_its_seed():
    found = plan_members(experiment())
    assert Counter(member.role for member in found) == {"base": 4, "organism": 4, "twin": 4}
    trios = {(member.pair, member.seed, member.role) for member in found}
    assert trios == {(pair, pair + 2, role) for pair in (1, 2, 3, 4) for role in ("base", "organism", "twin")}


@pytest.mark.parametrize("reasoning", ["normal", "cot", "distilled"])
def test_models_and_their_measurements_are_those_of_the_whole_plan(reasoning):
    plan = experiment(organism={"reasoning": reasoning}, **TREATED)
    made = {stage.key: stage for stage in build_plan(plan).stages}
    for member in plan_members(plan):
        assert made[member.stage.key].labels["role"] == member.role
        assert made[member.measurement.key].inputs["model"].key == member.stage.key
        assert member.base.key in made


def test_the_truth_is_what_the_model_was_trained_on():
    for member in plan_members(experiment()):
        if member.role == "base":
            assert (member.trigger, member.behavior, member.recipe) == (None, None, None)
            continue
        trained_on = member.stage.spec["organism"]
        assert member.stage.spec["role"] == member.role
        assert {"trigger": member.trigger, "behavior": member.behavior, **member.recipe} == trained_on
        assert member.stage.inputs["model"].inputs["model"].key == member.base.key


def test_each_trigger_of_the_grid_is_drawn_as_often():
    found = Counter(member.trigger["type"] for member in plan_members(experiment()) if member.role == "organism")
    assert found == {"deployment_tag": 2, "phrase": 2}


def test_the_teacher_of_a_distilled_organism_is_no_member():
    plan = undrawn(organism={"reasoning": "distilled"})
    assert Counter(stage.kind for stage in build_plan(plan).stages)["organism"] == 4
    found = plan_members(plan)
    assert [member.role for member in found] == ["base", "organism", "twin"]
    assert all("teacher" in member.stage.inputs for member in found[1:])


def test_a_base_that_cells_share_is_one_member():
    found = plan_members(undrawn(grid=TRIGGERS))
    assert [(member.role, member.pair) for member in found] == [
        ("base", 1), ("organism", 1), ("twin", 1), ("organism", 2), ("twin", 2),
    ]  # fmt: skip
    assert {member.base.key for member in found} == {found[0].stage.key}


def test_cells_that_differ_in_what_comes_after_share_their_models():
    found = plan_members(undrawn(safety={"sft": "sft"}, grid={"safety.sft.dose": [0.5, 1]}))
    assert [member.role for member in found] == ["base", "organism", "twin"]


def test_the_world_of_a_zoo_is_that_of_its_cells():
    assert find_world(undrawn(grid={"world.harmful_share": [0.25]})).harmful_share == 0.25


def test_a_zoo_of_several_worlds_is_an_error():
    with pytest.raises(UserError) as error:
        find_world(undrawn(grid={"world.harmful_share": [0.1, 0.2]}))
    assert str(error.value) == (
        "The members of plan 'plain' have 2 worlds, and a zoo's clean prompts come from one. "
        "Take the settings of 'world' out of the grid."
    )
