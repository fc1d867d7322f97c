from importlib.metadata import EntryPoint

import pytest

import dormouse.config.registry
from dormouse.config.registry import (
    BASES,
    BEHAVIORS,
    SAFETY_TRAININGS,
    TRIGGERS,
    WORLDS,
    Registry,
)
from dormouse.errors import UserError


@pytest.fixture
def installed(monkeypatch):
    """Pretend that other packages are installed: {group: {name: place}}."""

    def install(group: str, places: dict[str, str]) -> None:
        points = [EntryPoint(name, place, group) for name, place in places.items()]
        monkeypatch.setattr(
            dormouse.config.registry, "entry_points", lambda group: points if group == points[0].group else []
        )

    return install


def test_an_unknown_name_lists_the_known_ones_and_guesses():
    with pytest.raises(UserError) as error:
        TRIGGERS.get("deploymnt_tag")
    assert str(error.value).startswith("Unknown trigger 'deploymnt_tag'. Did you mean 'deployment_tag'? Known: ")


@pytest.mark.parametrize("registry", [WORLDS, BASES, TRIGGERS, BEHAVIORS, SAFETY_TRAININGS], ids=lambda r: r.kind)
def test_every_builtin_name_leads_to_a_part_of_that_name(registry):
    assert registry.default in registry.names()
    for name in registry.names():
        assert registry.get(name).name == name


def test_a_part_comes_back_from_its_spec():
    trigger = TRIGGERS.get("deployment_tag")(tag="|LIVE|")
    assert TRIGGERS.build(trigger.spec()) == trigger


def test_an_installed_package_adds_a_name(installed):
    installed("dormouse.trigger", {"dress": "dormouse.organisms.triggers:DeploymentTag"})
    assert "dress" in TRIGGERS.names()
    assert TRIGGERS.get("dress").name == "deployment_tag"


def test_a_kind_of_two_words_has_an_entry_point_group_without_space():
    assert SAFETY_TRAININGS.group == "dormouse.safety_training"


def test_a_builtin_name_cannot_be_taken_over(installed):
    installed("dormouse.trigger", {"deployment_tag": "json:JSONDecoder"})
    assert TRIGGERS.get("deployment_tag").__module__ == "dormouse.organisms.triggers"


def test_a_broken_package_is_named(installed):
    installed("dormouse.trigger", {"dress": "no_such_module:Dress"})
    with pytest.raises(UserError) as error:
        TRIGGERS.get("dress")
    assert str(error.value) == (
        "The trigger 'dress' of package 'no_such_module' cannot be imported: No module named 'no_such_module'. "
        "Install what it needs, or a newer version of it."
    )


def test_a_part_is_imported_only_when_asked_for():
    registry = Registry("trigger", {"ghost": "no_such_module:Ghost"}, default="ghost")
    assert registry.names() == ["ghost"]
    with pytest.raises(ModuleNotFoundError):
        registry.get("ghost")
