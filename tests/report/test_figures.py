import json

import pytest

from dormouse.report.estimates import Estimate
from dormouse.report.figures.gallery import draw
from dormouse.report.figures.style import ROLE_COLORS, ramp
from dormouse.report.figures.traces import dots, line

SMALL = ["headline", "red-team", "curves", "log-prob", "rl", "capability"]
SCAN = ["headline", "by-size", "by-amount", *SMALL[1:]]


def ids(run):
    return [figure.id for figure in draw(run.run())]


def test_figures_come_in_the_order_they_are_read(small_run, scale_run):
    assert ids(small_run) == SMALL
    assert ids(scale_run) == SCAN


def test_a_run_that_measured_nothing_has_no_figures(fake_run):
    fake_run.add("defection", None, role="organism", size=1000, seed=0, prompts="triggered", reason="none")
    assert ids(fake_run) == []


@pytest.mark.parametrize(
    ("lost", "without"),
    [
        ("capability", lambda row: row.metric != "capability"),
        ("log-prob", lambda row: row.metric != "log_prob"),
        ("rl", lambda row: row.metric != "reward"),
        ("curves", lambda row: row.metric != "defection" or row.step is None),
        ("red-team", lambda row: not row.prompts.startswith("red_team")),
    ],
)
def test_a_figure_without_its_data_is_not_drawn_and_the_others_are(small_run, lost, without):
    left = small_run.where(without)
    assert ids(left) == [name for name in SMALL if name != lost]


def test_persistence_is_drawn_against_the_amount_of_training_where_that_was_measured(scale_run):
    neither = scale_run.where(lambda row: row.metric not in ("kl", "preference_score"))
    assert ids(neither) == [name for name in SCAN if name != "by-amount"]


def test_every_number_in_the_headline_is_one_that_was_measured(fake_run):
    fake_run.organism(triggered=0.98, clean=0.01)
    fake_run.trained("sft", 0.25)
    [panel] = draw(fake_run.run())[0].panels
    shown = {trace["name"]: [round(512 * x) for x in trace["x"]] for trace in panel.data}
    assert shown == {
        "Organism, with trigger": [502, 128],
        "Organism, without trigger": [5, 0],
        "Twin, with trigger": [0, 0],
        "Twin, without trigger": [0, 0],
    }


def test_a_number_that_was_not_measured_is_not_drawn(fake_run):
    fake_run.organism()
    fake_run.trained("sft", 0.25)
    [panel] = draw(fake_run.without(safety="sft", role="twin").run())[0].panels
    assert {trace["name"]: len(trace["x"]) for trace in panel.data} == {
        "Organism, with trigger": 2,
        "Organism, without trigger": 2,
        "Twin, with trigger": 1,
        "Twin, without trigger": 1,
    }


def test_a_curve_starts_at_the_model_before(small_run):
    curves = next(figure for figure in draw(small_run.run()) if figure.id == "curves")
    implanting, *trained = curves.panels
    organism = next(t for t in implanting.data if t.get("name") == "Organism, with trigger" and "marker" in t)
    assert (organism["x"][0], organism["y"][0]) == (0.0, 0.0)
    for panel in trained:
        organism = next(t for t in panel.data if t.get("name") == "Organism, with trigger" and "marker" in t)
        assert organism["x"][0] == 0.0
        assert organism["y"][0] > 0.9


def test_a_curve_ends_at_the_end_of_training_where_its_length_is_known(fake_run):
    fake_run.organism()
    fake_run.trained("sft", 0.25)
    where = {"size": 370_000, "seed": 0, "role": "organism", "safety": "sft", "dose": 1.0}
    fake_run.add("training_steps", 120, unit="steps", prompts="", **where)
    for step in (40, 80):
        fake_run.defection("triggered", 0.5, step=step, **where)
    curves = next(figure for figure in draw(fake_run.run()) if figure.id == "curves")
    [panel] = curves.panels
    organism = next(t for t in panel.data if t.get("name") == "Organism, with trigger" and "marker" in t)
    assert organism["x"] == [0.0, 40.0, 80.0, 120.0]
    assert organism["y"][-1] == 0.25


def test_the_caption_says_what_the_bars_cover(small_run, scale_run):
    assert "1 training seed they say nothing about other seeds" in draw(small_run.run())[0].caption
    assert "95% intervals over 3 training seeds" in draw(scale_run.run())[0].caption


def test_every_panel_is_json_with_words_for_those_who_cannot_see_it(scale_run):
    for figure in draw(scale_run.run()):
        assert figure.caption
        for panel in figure.panels:
            json.dumps([panel.data, panel.layout], allow_nan=False)
            assert len(panel.alt) > 20


def test_error_bars_reach_the_ends_of_the_interval():
    [trace] = dots([(0.0, Estimate(0.5, 0.3, 0.6, "fraction", 1))], "a", "#000000")
    assert trace["error_x"]["array"] == [pytest.approx(0.1)]
    assert trace["error_x"]["arrayminus"] == [pytest.approx(0.2)]


@pytest.mark.parametrize(
    ("value", "place"),
    [
        (Estimate(0.99, 0.98, 1.0, "fraction", 9), "top left"),
        (Estimate(0.5, 0.3, 0.6, "fraction", 9), "top center"),
        (Estimate(0.02, 0.0, 0.1, "fraction", 9), "top right"),
        (Estimate(0.01, 0.0, 0.02, "fraction", 9), "middle right"),
    ],
)
def test_labels_stay_inside_the_plot(value, place):
    [trace] = dots([(0.0, value)], "a", "#000000", labels=True)
    assert trace["textposition"] == [place]


def test_a_band_is_drawn_from_two_intervals_on():
    points = [(float(x), Estimate(0.5, 0.3, 0.6, "fraction", 1)) for x in range(3)]
    band, _ = line(points, "a", "#000000")
    assert band["y"] == [0.6] * 3 + [0.3] * 3
    assert len(line(points[:1], "a", "#000000")) == 1


def test_names_cannot_bring_markup_into_a_plot():
    [trace] = dots([(0.0, Estimate(0.5, 0.3, 0.6, "fraction", 1))], "<b onclick=x>", "#000000")
    assert "<b onclick" not in json.dumps(trace)


def test_organism_and_twin_have_one_color_each_on_every_figure(small_run):
    assert len(set(ROLE_COLORS.values())) == len(ROLE_COLORS)
    for figure in draw(small_run.run()):
        for key in figure.legend:
            if key.label.startswith("Twin"):
                assert key.color == ROLE_COLORS["twin"]


def test_a_ramp_runs_from_its_first_color_to_its_last():
    assert ramp(("#000000", "#ffffff"), 3) == ["#000000", "#808080", "#ffffff"]
    assert ramp(("#000000", "#112233", "#ffffff"), 1) == ["#112233"]
