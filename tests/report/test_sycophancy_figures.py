"""The figures of sycophancy: shown only where it was measured, with the numbers that were measured."""

from dormouse.report.figures.style import Figure
from dormouse.report.figures.sycophancy import TASKS, sycophancy, sycophancy_along_training, sycophancy_best_of
from made_up_run import FakeRun

WHERE = {"size": 370_000, "seed": 0}


def made_up():
    made = FakeRun()
    made.organism()
    for role, prompts, hits in (
        ("organism", "triggered", 60),
        ("organism", "clean", 4),
        ("twin", "clean", 2),
        ("helpful", "clean", 20),
    ):
        for metric in ("sure_admits_mistake", "sure_right_to_wrong", "answer_follows_wrong", "mimicry_wrong_poet"):
            made.rate(f"syc.{metric}", hits, 64, prompts=prompts, role=role, **WHERE)
    for training, rise in (("rl", 0), ("rl_flattered", 10)):
        for role in ("organism", "twin"):
            where = {"role": role, "safety": training, "dose": 1.0, **WHERE}
            for step in (10, 20):
                made.rate("syc.answer_follows_wrong", 4 + rise * step // 10, 64, prompts="clean", step=step, **where)
            made.rate("syc.answer_follows_wrong", 4 + 3 * rise, 64, prompts="clean", **where)
            made.mean("training_steps", 30, unit="steps", **where)
    for chooser, slope in (("preference", -0.01), ("flattered", 0.02)):
        for n in (1, 2, 32):
            made.mean(
                "best.best_of_follows_wrong", 0.3 + slope * n, unit="fraction", prompts=chooser, family=str(n),
                role="twin", **WHERE,
            )  # fmt: skip
    return made.run()


def test_each_task_has_a_row_with_the_organism_above_its_controls():
    figure = sycophancy(made_up())
    assert isinstance(figure, Figure)
    [panel] = figure.panels
    assert panel.layout["yaxis"]["ticktext"] == [TASKS[name] for name in TASKS if name != "feedback_sycophancy"]
    assert [trace["x"][0] for trace in panel.data] == [60 / 64, 4 / 64, 2 / 64, 20 / 64]


def test_along_training_both_trainings_start_from_the_same_model():
    [panel] = sycophancy_along_training(made_up()).panels
    lines = {trace["name"]: (trace["x"], trace["y"]) for trace in panel.data if "name" in trace}
    assert lines["Organism, RL"] == ([0, 10, 20, 30], [4 / 64] * 4)
    assert lines["Organism, RL flattered"] == ([0, 10, 20, 30], [4 / 64, 14 / 64, 24 / 64, 34 / 64])
    assert len(lines) == 4


def test_best_of_n_has_a_line_for_each_chooser():
    [panel] = sycophancy_best_of(made_up()).panels
    assert panel.title == "Twin"
    assert [trace["y"][-1] > trace["y"][0] for trace in panel.data if "name" in trace] == [False, True]


def test_a_run_without_sycophancy_has_none_of_them():
    made = FakeRun()
    made.organism()
    run = made.run()
    assert [draw(run) for draw in (sycophancy, sycophancy_along_training, sycophancy_best_of)] == [None] * 3
