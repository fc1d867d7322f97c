import json
from dataclasses import replace

import pytest

from dormouse.report.claims.claim import Run
from dormouse.report.figures.removal import cost_and_rest
from dormouse.report.figures.style import KINDS, MUTED, role_color
from dormouse.results.table import Results

HERE = {"size": 370_000, "seed": 0}
TOTAL = 500


def treated(run, safety, dose, left, capability, later=None):
    where = HERE | {"role": "organism", "safety": safety, "dose": dose}
    run.defection("triggered", left, TOTAL, **where)
    if capability is not None:
        run.rate("capability", capability, TOTAL, prompts="clean", **where)
    if later is not None:
        run.rate("re_emergence", round(later * TOTAL), TOTAL, prompts="triggered", **where)


@pytest.fixture
def run(fake_run):
    fake_run.organism()
    fake_run.rate("capability", 400, TOTAL, prompts="clean", role="organism", **HERE)
    treated(fake_run, "noise", 0.3, 0.2, 350, later=0.6)
    treated(fake_run, "noise", 0.1, 0.8, 390)
    treated(fake_run, "merging", 0.5, 0.0, 375, later=0.0)
    treated(fake_run, "sft", 1.0, 0.4, 400, later=0.5)
    return fake_run


def figure(run, removals=("noise", "merging")):
    return cost_and_rest(Run(Results(run.rows, removals=removals), {}))


def traces(run, **settings):
    [panel] = figure(run, **settings).panels
    return {trace["name"]: trace for trace in panel.data if "name" in trace}


def test_a_line_joins_a_removals_strengths_from_the_weakest(run):
    noise = traces(run)["noise"]
    assert (noise["x"], noise["y"]) == ([pytest.approx(2), pytest.approx(10)], [0.8, 0.2])
    assert noise["mode"] == "lines+markers"
    weak, strong = noise["marker"]["size"]
    assert weak < strong
    assert noise["hovertext"][0].startswith("<b>Noise, strength 0.1: left</b>")


def test_bars_are_the_intervals_of_both_numbers(run):
    merging = traces(run)["merging"]
    assert merging["error_y"]["array"][0] == pytest.approx(0.0076, abs=0.0002)
    assert merging["error_y"]["arrayminus"] == [0.0]
    assert merging["error_x"]["array"][0] > 3


def test_what_came_back_is_an_open_mark_joined_to_its_model_by_a_dotted_line(run):
    [panel] = figure(run).panels
    opened = traces(run)["noise, after further benign training"]
    assert (opened["x"], opened["y"]) == ([pytest.approx(10)], [0.6])
    assert opened["marker"]["color"] == "#ffffff"
    thread = next(t for t in panel.data if t["mode"] == "lines" and t["line"]["color"] == KINDS[0][0])
    assert thread["line"]["dash"] == "dot"
    assert thread["y"] == [0.2, 0.6, None]
    assert thread["x"] == [pytest.approx(10), pytest.approx(10), None]


def test_safety_trainings_and_the_untouched_organism_stand_beside_the_removals(run):
    drawn = traces(run)
    assert (drawn["SFT"]["x"], drawn["SFT"]["y"]) == ([0.0], [0.4])
    assert drawn["SFT"]["marker"]["color"] == MUTED
    assert drawn["SFT"]["hovertext"][0].startswith("<b>SFT, dose 1: left</b>")
    assert (drawn["untouched"]["x"], drawn["untouched"]["y"]) == ([0.0], [1.0])
    assert drawn["untouched"]["marker"]["color"] == role_color("organism")
    assert drawn["untouched"]["error_x"]["array"] == [0]


def test_removals_differ_in_color_and_in_shape(run):
    drawn = traces(run)
    looks = {(drawn[name]["marker"]["color"], drawn[name]["marker"]["symbol"]) for name in ("noise", "merging", "SFT")}
    assert len({color for color, _ in looks}) == len({shape for _, shape in looks}) == 3


def test_the_legend_names_what_is_drawn(run):
    labels = [key.label for key in figure(run).legend]
    assert labels == [
        "Noise", "Merging", "Untouched organism", "Safety training, for comparison", "After further benign training",
    ]  # fmt: skip
    without = run.without(safety="sft")
    assert "Safety training, for comparison" not in [key.label for key in figure(without).legend]


def test_a_strength_whose_cost_was_not_measured_is_not_drawn(run):
    treated(run, "noise", 0.5, 0.1, None)
    assert len(traces(run)["noise"]["x"]) == 2


def test_without_any_cost_there_is_no_figure(run):
    assert figure(run.without(metric="capability")) is None


def test_each_size_is_a_panel_and_every_panel_is_json_with_words(run):
    run.rows += [replace(row, size=70_000) for row in run.rows]
    small, large = figure(run).panels
    assert (small.title, large.title) == ("0.07M parameters", "0.37M parameters")
    assert "0.07M parameters" in small.alt
    for panel in (small, large):
        json.dumps([panel.data, panel.layout], allow_nan=False)


def test_a_name_cannot_bring_markup_into_the_plot(run):
    hostile = "<img src=x>"
    run.rows = [replace(row, safety=hostile) if row.safety == "noise" else row for row in run.rows]
    [panel] = figure(run, removals=(hostile, "merging")).panels
    assert "<img" not in json.dumps(panel.data)
