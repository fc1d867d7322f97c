import json
import shlex
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from dormouse.cli import app, cost
from dormouse.cli.arguments import choose
from dormouse.plan import file as plan_file
from dormouse.plan.graph import build_plan
from dormouse.runs.speed import Line, Speed, Speeds
from dormouse.store.store import Store

GRID = """
name: several
seeds: [0, 3]
re_emergence: null
safety: {sft: sft, rl: rl}
grid:
  safety.*.dose: [0.5, 2]
  organism.trigger: [deployment_tag, {type: phrase, phrase: "by the 'old' mill"}]
  organism.implant.steps: [10, 20]
"""
DOSED = GRID.replace("re_emergence: null", "twin_doses: [2]")
LONG = GRID.replace("several", "s" * 100, 1)
DRAWN = GRID.replace("[0, 3]", "[7]") + "draw: 5\n"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DORMOUSE_STORE", raising=False)
    return tmp_path


LINE = Line(0.01, 1e10)
SPEED = Speed(LINE, LINE, LINE, 0.5, 1.0, 0.001, 0.1, layers=2, parameters=200_000, device="cpu", date="Monday")


@pytest.fixture(autouse=True)
def measured(monkeypatch):
    """Measure nothing: a machine's speed is made up here. Return the calls, whether each was to measure again."""
    calls = []

    def speeds(sizes, compute, *, again):
        calls.append(again)
        return Speeds([SPEED])

    monkeypatch.setattr(cost, "measure_speeds", speeds)
    return calls


def dm(*arguments):
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize(("text", "n"), [(GRID, 16), (DRAWN, 5), (DOSED, 16), (LONG, 16)])
def test_the_commands_of_all_cells_make_what_the_plan_makes(folder, text, n):
    (folder / "several.yaml").write_text(text)
    overrides = ["helpful.steps=30"]
    *lines, last = dm("plan", "several.yaml", *overrides, "--shell", "--store", "shared").splitlines()
    assert len(lines) == n
    made = set()
    names = set()
    for line in lines:
        words = shlex.split(line)
        assert words[:3] == ["dormouse", "run", "several.yaml"]
        assert words[-2:] == ["--store", "shared"]
        experiment = choose(words[2:-2], folder).experiment
        names.add(experiment.name)
        made |= {stage.key for stage in build_plan(experiment).stages}
    assert len(names) == n
    whole = plan_file.load("several.yaml", overrides)
    assert made == {stage.key for stage in build_plan(whole).stages}
    assert last == "# When all have ended: dormouse run several.yaml helpful.steps=30 --store shared"


def test_a_plan_is_counted(folder):
    (folder / "several.yaml").write_text(GRID)
    content = json.loads(dm("plan", "several.yaml", "--json"))
    assert (content["experiment"], content["cells"], content["seeds"]) == ("several", 16, [0, 3])
    stages = build_plan(plan_file.load("several.yaml")).stages
    assert sum(content["stages"].values()) == len(stages)
    assert f"16 cells, {len(stages)} stages" in dm("plan", "several.yaml")


def test_what_a_plan_costs_is_estimated_by_kind_and_in_all(folder, measured):
    content = json.loads(dm("plan", "quickstart", "--json"))["cost"]
    assert content["estimate"] is True
    assert content["parameters"] == [216_720]
    assert content["hours_left"] == content["hours_in_all"] > 0
    kinds = content["kinds"].values()
    assert content["total"]["flops"] == pytest.approx(sum(one["flops"] for one in kinds))
    # With several stages at a time a run takes less than its stages one after the other.
    assert content["hours_in_all"] * 3600 <= content["total"]["seconds"] + 1
    assert content["disk"]["needs"] > 1_000_000
    text = dm("plan", "quickstart", "--measure")
    assert "This is an estimate, not a result." in text
    assert "measured here on Monday; --measure repeats it" in text
    assert measured == [False, True]


def test_an_estimate_says_that_the_machine_was_busy_when_it_was_measured(folder, monkeypatch):
    monkeypatch.setattr(cost, "measure_speeds", lambda sizes, compute, again: Speeds([replace(SPEED, busy=999)]))
    assert "measured here on Monday beside other programs, so it is too low" in dm("plan", "quickstart")


def test_finished_stages_are_not_counted_again(folder, monkeypatch):
    stages = build_plan(plan_file.load("quickstart")).stages
    done = [stage.name for stage in stages if stage.kind in ("base", "helpful", "organism")]
    monkeypatch.setattr(Store, "names", lambda self: done)
    content = json.loads(dm("plan", "quickstart", "--json"))["cost"]
    assert content["total"]["done"] == len(done)
    assert 0 < content["hours_left"] < content["hours_in_all"]


def test_a_gpu_is_estimated_from_its_figures_and_nothing_is_measured(folder, measured):
    text = dm("plan", "qwen3", "--gpu", "l4")
    assert "Time on L4: " in text
    assert "NVIDIA L4 datasheet" in text
    assert "8,000,000,000 parameters, by the name 'Qwen/Qwen3-8B'" in text
    assert measured == []


def test_a_plan_whose_size_nobody_knows_has_no_hours(folder):
    text = dm("plan", "qwen3", "base.model=somebody/chat", "grid={}", "--gpu", "l4")
    assert "Time on L4: not estimated. Download the base" in text
    assert "Base: size not known." in text


def test_parts_that_cannot_be_counted_are_named(folder):
    text = dm("plan", "zoo", "draw=1", "--gpu", "h100")
    assert "Not counted: how far trigger inversion searches, which depends on what it finds" in text


def test_an_unknown_gpu_is_an_error_that_lists_the_known_ones(folder):
    result = CliRunner().invoke(app, ["plan", "--gpu", "h10"])
    assert result.exit_code == 2
    assert "No figures are known for GPU 'h10'. Did you mean 'h100'?" in result.output


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 seconds"), (42, "42 seconds"), (100, "1.7 minutes"), (9000, "2.5 hours")]
)
def test_a_duration_has_two_figures(seconds, words):
    assert cost.duration(seconds) == words
