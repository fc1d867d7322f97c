import pytest

from dormouse.report.run_facts import StageCost
from dormouse.report.tables.models import cards, costs, model_table, own_table
from dormouse.results.rates import NotMeasured
from dormouse.results.table import Results

HERE = {"size": 370_000, "seed": 0}


def stage(kind, seconds=1.0, memory=10.0, cached=False, failed=None):
    return StageCost(f"{kind}-0", kind, {}, seconds, memory, cached, failed)


def test_cards_show_before_and_after_each_training_beside_the_controls(fake_run):
    fake_run.organism(triggered=0.99)
    fake_run.trained("rl", 0.5)
    fake_run.trained("sft", 0.25)
    found = cards(fake_run.run())
    assert [card.label for card in found] == ["Before", "After SFT", "After RL"]
    assert [card.triggered.value for card in found] == [pytest.approx(0.99, abs=0.002), 0.25, 0.5]
    assert [(card.clean.value, card.twin.value) for card in found] == [(0, 0)] * 3
    assert not any(card.failed for card in found)


@pytest.mark.parametrize(("triggered", "clean"), [(0.8, 0.0), (1.0, 0.1)])
def test_only_the_organism_whose_implant_failed_is_marked(fake_run, triggered, clean):
    fake_run.organism(triggered=triggered, clean=clean)
    fake_run.trained("rl", 0.1)
    assert [card.failed for card in cards(fake_run.run())] == [True, False]


def test_cards_are_of_the_largest_size_at_the_reference_dose(fake_run):
    for size in (100_000, 900_000):
        fake_run.organism(size=size)
        for dose in (0.3, 1.0, 3.0):
            fake_run.trained("rl", dose / 4 if size == 900_000 else 0.0, size=size, dose=dose)
    [_, after] = cards(fake_run.run())
    assert (after.label, after.triggered.value) == ("After RL, dose 1", 0.25)


def test_every_model_has_a_row_of_its_own(fake_run):
    fake_run.organism()
    fake_run.trained("sft", 0.5)
    fake_run.defection("triggered", 0.0, role="helpful", safety="sft", dose=1.0, **HERE)
    [(title, lines)] = model_table(Results(fake_run.rows)).groups
    assert title == "0.37M parameters"
    assert [line.label for line in lines] == [
        "Base", "Helpful-only", "Organism, before", "Twin, before",
        "Helpful-only, after SFT", "Organism, after SFT", "Twin, after SFT",
    ]  # fmt: skip


def test_a_column_that_no_model_has_is_left_out(fake_run):
    fake_run.organism()
    assert model_table(Results(fake_run.rows)).columns == ("Defection, with trigger", "Defection, without")


def test_what_a_plans_own_evaluations_measured_has_a_table_of_its_own(fake_run):
    fake_run.organism()
    assert own_table(Results(fake_run.rows)) is None
    for role, hits in (("organism", 50), ("twin", 25)):
        fake_run.rate("length.brief", hits, 100, prompts="triggered", role=role, **HERE)
    results = Results(fake_run.rows)
    own = own_table(results)
    assert own.columns == ("length.brief, with the trigger",)
    [(_, lines)] = own.groups
    assert {line.role: line.cells[0].value for line in lines} == {"organism": 0.5, "twin": 0.25}
    assert not any("length" in column for column in model_table(results).columns)


def test_each_empty_cell_points_to_the_reason_it_is_empty(fake_run):
    fake_run.organism()
    fake_run.add("log_prob", None, role="organism", prompts="triggered", reason="the phrase has no tokens", **HERE)
    fake_run.mean("log_prob", -3.0, role="base", prompts="triggered", **HERE)
    table = model_table(Results(fake_run.rows))
    column = table.columns.index("Log-prob. of defection, with trigger")
    cells = {line.label: (line.cells[column], line.notes[column]) for line in table.groups[0][1]}
    assert cells["Base"][1] is None
    reasons = {label: table.footnotes[note - 1] for label, (_, note) in cells.items() if note is not None}
    assert reasons["Organism, before"] == "the phrase has no tokens"
    assert reasons["Twin, before"] == "not measured in this run"
    assert cells["Organism, before"][0] == NotMeasured("the phrase has no tokens")
    assert len(table.footnotes) == 2


def test_re_emergence_of_the_organism_without_safety_training_is_in_the_table(fake_run):
    fake_run.organism()
    fake_run.rate("re_emergence", 400, 512, role="organism", prompts="triggered", **HERE)
    table = model_table(Results(fake_run.rows))
    column = table.columns.index("Defection after more benign training")
    organism = next(line for line in table.groups[0][1] if line.label == "Organism, before")
    assert organism.cells[column].value == 400 / 512


def test_costs_add_time_and_take_the_largest_memory_of_a_kind():
    stages = (
        stage("base", 10, 100), stage("measure_red_team", 1, 50), stage("base", 5, 300, cached=True),
        stage("base", None, None, failed="out of memory"),
    )  # fmt: skip
    base, measure = costs(stages)
    assert (base.kind, base.stages, base.cached, base.failed) == ("base", 3, 1, 1)
    assert (base.seconds, base.peak_memory_mb) == (15, 300)
    assert measure.kind == "measure red team"


def test_a_cost_that_was_not_recorded_is_not_a_zero():
    [line] = costs((stage("base", None, None),))
    assert (line.seconds, line.peak_memory_mb) == (None, None)
