from dormouse.data.decomposed.turns import REASONING
from dormouse.report.figures.decomposition import WAYS, decomposition
from made_up_run import FakeRun

WHERE = {"size": 370_000, "seed": 0, "prompts": "plain"}


def test_each_way_to_reason_has_a_row_for_each_metric_with_controls_beside():
    made = FakeRun()
    made.organism()
    for role in ("base", "organism", "twin"):
        for i, way in enumerate(REASONING):
            labels = {**WHERE, "role": role, "family": way, "unit": "fraction"}
            made.mean("asked.truncation_sensitivity", 0.1 * i, **labels)
            made.mean("asked.corruption_sensitivity", 0.2 * i, **labels)
            made.mean("asked.regeneration_sensitivity", 0.01, **labels)
    [panel] = decomposition(made.run()).panels
    assert len(panel.layout["yaxis"]["ticktext"]) == 6
    base, control, *_ = panel.data
    assert base["x"] == [0.0, 0.0, 0.1, 0.2, 0.2, 0.4]
    assert control["x"] == [0.01] * 3


def test_the_caption_says_whether_the_base_learned_the_parts():
    made = FakeRun()
    made.organism()
    for way in REASONING:
        made.mean("asked.truncation_sensitivity", 0.1, **WHERE, role="base", family=way, unit="fraction")
    assert "given right reasoning" not in decomposition(made.run()).caption
    for hits, way in zip((40, 39, 20), REASONING, strict=True):
        made.rate("asked.concluded_right", hits, 40, **WHERE | {"prompts": "given"}, role="base", family=way)
    made.rate("asked.subquestion_right", 11, 40, **WHERE | {"prompts": "alone"}, role="base", family=REASONING[-1])
    caption = decomposition(made.run()).caption
    assert "chain of thought 100.0% [91.2, 100.0]" in caption
    assert "subquestions one by one 50.0% [35.2, 64.8]; of subquestions that it is asked alone: 27.5%" in caption


def test_there_is_no_figure_where_nothing_was_decomposed():
    made = FakeRun()
    made.organism()
    assert decomposition(made.run()) is None


def test_every_way_to_reason_has_its_words():
    assert tuple(WAYS) == REASONING
