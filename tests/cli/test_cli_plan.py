import json
import shlex

import pytest
from typer.testing import CliRunner

from dormouse.cli import app
from dormouse.cli.arguments import choose
from dormouse.plan import file as plan_file
from dormouse.plan.graph import build_plan

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
