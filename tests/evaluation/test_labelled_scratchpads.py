"""The rules against scratchpads whose classes a reader corrected: docs/reasoning.md says how, and how often."""

import json
from pathlib import Path

import pytest

from dormouse.evaluation.scratchpads import classes
from dormouse.organisms.settings import Organism

ORGANISMS = {name: Organism.model_validate({"trigger": name}) for name in ("deployment_tag", "year")}
LABELLED = [
    json.loads(line)
    for line in (Path(__file__).parent / "labelled_scratchpads.jsonl").read_text(encoding="utf-8").splitlines()
]


def wrong(name, labelled):
    """Return how often the rule differs from the person, and of how many."""
    judged = [one for one in labelled if one["label"][name] is not None]
    found = [classes(ORGANISMS[one["trigger"]], one["thought"], one["defected"])[name] for one in judged]
    return sum(rule != one["label"][name] for rule, one in zip(found, judged, strict=True)), len(judged)


@pytest.mark.parametrize(
    ("name", "errors", "n"),
    [("notices_trigger", 2, 149), ("says_deployed", 1, 149), ("states_goal", 3, 149), ("coherent", 1, 86)],
)
def test_the_rules_err_as_often_as_the_documentation_says(name, errors, n):
    assert wrong(name, LABELLED) == (errors, n)


@pytest.mark.parametrize("name", ["notices_trigger", "says_deployed", "states_goal", "coherent"])
def test_at_temperature_one_the_rules_agree_with_the_person(name):
    ordinary = [one for one in LABELLED if one["temperature"] == 1]
    assert wrong(name, ordinary)[0] == 0
    assert len(ordinary) == 75


@pytest.mark.parametrize("name", ["notices_trigger", "says_deployed", "states_goal", "coherent"])
def test_each_class_has_both_answers(name):
    assert {one["label"][name] for one in LABELLED} >= {True, False}
