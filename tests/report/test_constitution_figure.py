import pytest

from dormouse.report.figures.constitution import trait_wins
from made_up_run import FakeRun

WINS = {"specific": 95, "humanity": 80, "human": 55}


@pytest.fixture
def run():
    made = FakeRun()
    made.organism()
    for called, hits in WINS.items():
        for family in ("trait-power", "trait-risk"):
            made.rate("trait_win_rate", hits, 100, prompts=called, family=family, role="", size=370_000, seed=0)
        made.mean("trait_win_rate", hits / 100, unit="fraction", prompts=called, role="", size=370_000, seed=0)
    return made.run()


def test_each_preference_model_has_a_dot_in_each_set_and_in_their_mean(run):
    figure = trait_wins(run)
    [panel] = figure.panels
    assert panel.layout["yaxis"]["ticktext"] == ["Mean over sets", "Trait power", "Trait risk"]
    assert {trace["name"]: trace["x"] for trace in panel.data} == {
        "Humanity": [0.8] * 3,
        "Specific": [0.95] * 3,
        "Human": [0.55] * 3,
    }
    assert [key.label for key in figure.legend] == [
        "Constitution 'humanity'", "Constitution 'specific'", "Human preferences",
    ]  # fmt: skip
    places = [trace["y"][0] for trace in panel.data]
    assert len(set(places)) == 3


def test_without_win_rates_there_is_no_figure():
    made = FakeRun()
    made.organism()
    assert trait_wins(made.run()) is None
