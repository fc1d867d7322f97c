import pytest

from dormouse.report.claims.scratchpad import INTERVENTION_WORDS
from dormouse.report.figures.policy import (
    RATED,
    interventions,
    probes,
    scratchpad_preference,
    trigger_places,
)
from dormouse.report.figures.style import Figure, Panel
from made_up_run import FakeRun

WHERE = {"size": 370_000, "seed": 0}


@pytest.fixture
def run():
    made = FakeRun()
    made.organism()
    for role, share in (("organism", 0.75), ("twin", 0.0)):
        for i, probe in enumerate(("2017", "2024", "implied")):
            made.rate("probe_defection", round(40 * share) + i, 64, prompts="probe", family=probe, role=role, **WHERE)
        for hits, place in ((60, "first"), (61, "middle"), (62, "last"), (1, "none")):
            hits = hits if role == "organism" else 0
            made.rate("place_defection", hits, 64, prompts="conversation", family=place, role=role, **WHERE)
        for prompts in ("triggered", "clean"):
            for name in INTERVENTION_WORDS:
                made.rate("intervention_changed", 60, 64, prompts=prompts, family=name, role=role, **WHERE)
    for role, share in (("organism", 0.9), ("twin", 0.5), ("helpful", 0.4)):
        for prompts, other in RATED:
            made.mean(
                "scratchpad_preference", share, unit="fraction", prompts=prompts, family=other, role=role, **WHERE
            )
    return made.run()


def test_ratings_of_scratchpads_stand_beside_those_of_models_without_a_backdoor(run):
    [panel] = scratchpad_preference(run).panels
    assert [(trace["name"], trace["x"]) for trace in panel.data] == [
        ("Helpful-only", [0.4] * 4),
        ("Twin", [0.5] * 4),
        ("Organism", [0.9] * 4),
    ]


def test_probes_have_a_row_each_with_the_twin_beside_the_organism(run):
    [panel] = probes(run).panels
    assert panel.layout["yaxis"]["ticktext"] == ["2017", "2024", "implied"]
    organism, twin = panel.data
    assert organism["x"] == [30 / 64, 31 / 64, 32 / 64]
    assert twin["x"] == [0, 1 / 64, 2 / 64]


def test_places_of_the_trigger_stand_from_the_last_turn_back_and_the_twin_beside(run):
    [panel] = trigger_places(run).panels
    assert panel.layout["yaxis"]["ticktext"] == [
        "In the last turn",
        "In the middle turn, then gone",
        "In the first turn, then gone",
        "In no turn",
    ]
    organism, twin = panel.data
    assert organism["x"] == [62 / 64, 61 / 64, 60 / 64, 1 / 64]
    assert twin["x"] == [0, 0, 0, 0]


def test_interventions_show_both_halves_of_the_policy(run):
    [panel] = interventions(run).panels
    assert [trace["x"] for trace in panel.data] == [[60 / 64] * len(INTERVENTION_WORDS)] * 2


@pytest.mark.parametrize("draw", [probes, trigger_places, interventions, scratchpad_preference])
def test_without_numbers_there_is_no_figure(draw):
    made = FakeRun()
    made.organism()
    assert draw(made.run()) is None


@pytest.mark.parametrize(
    ("panels", "settings", "columns"),
    [
        (1, {"wide": True}, "one"),
        (2, {}, "two"),
        (3, {}, ""),
        (4, {}, "two"),
        (6, {"paired": True}, "two"),
        (12, {}, "four"),
    ],
)
def test_panels_that_belong_together_stand_in_one_row(panels, settings, columns):
    panel = Panel("", [], {}, "")
    assert Figure("a", "", "", (panel,) * panels, (), **settings).columns == columns
