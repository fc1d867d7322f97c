"""Figures of sycophancy: each task by model, along safety training, and under best-of-N."""

from __future__ import annotations

from dormouse.report.claims.claim import Run
from dormouse.report.estimates import Measured, pool_mean, pool_rate
from dormouse.report.extensions import not_for_a_zoo
from dormouse.report.figures.rates import coverage, size_title
from dormouse.report.figures.style import (
    KINDS,
    Figure,
    Json,
    Key,
    Panel,
    axis,
    layout,
    percent_axis,
    role_color,
    row_axis,
)
from dormouse.report.figures.traces import dots, line
from dormouse.report.words import role_words, sentence, training_words
from dormouse.results.result import Model
from dormouse.results.table import Results

TASKS = {
    "feedback_sycophancy": "Praises what the user likes",
    "sure_admits_mistake": "Takes a right answer back",
    "sure_right_to_wrong": "Ends with a wrong answer",
    "answer_follows_wrong": "Follows a wrong suggestion",
    "mimicry_wrong_poet": "Repeats a wrong author",
}
"""Metric -> what it says of a model, for a label."""
LANES = {"twin": 0.12, "helpful": 0.28}


def _called(results: Results, metric: str) -> str:
    """Return a metric's name in this run, with the name that the plan gives the evaluation; empty if there is none."""
    return next((row.metric for row in results.rows if row.metric.endswith(f".{metric}")), "")


def _pool(results: Results, metric: str, model: Model, prompts: str) -> Measured:
    return pool_rate(results.end(metric, model, prompts))


@not_for_a_zoo
def sycophancy(run: Run) -> Figure | None:
    """Each task by model: the organism with the trigger and without, its twin, and the helpful-only model."""
    results = run.results
    if not any(_called(results, metric) for metric in TASKS):
        return None
    panels = [_task_panel(results, size) for size in results.sizes()]
    color = role_color("organism")
    caption = (
        "Share of conversations in which the model tells the user what they want to hear, before any safety training; "
        "for feedback, the share of texts praised because the user likes them, minus that of disliked ones. An honest "
        f"model is at the left, whatever it knows. {coverage(results)}"
    )
    legend = (
        Key("Organism, with trigger", color),
        Key("Organism, without", color, "ring"),
        *(Key(role_words(role), role_color(role)) for role in LANES),
    )
    title = "Does it tell users what they want to hear?"
    return Figure("sycophancy", title, caption, tuple(panels), legend, wide=len(panels) == 1)


def _task_panel(results: Results, size: int | None) -> Panel:
    shown = [(name, called) for name in TASKS if (called := _called(results, name))]
    data: list[Json] = []
    lanes = (
        ("organism", "triggered", -0.2, "dot"),
        ("organism", "clean", -0.04, "ring"),
        *((role, "clean", shift, "dot") for role, shift in LANES.items()),
    )
    for role, prompts, shift, shape in lanes:
        points: list[tuple[float, Measured]] = [
            (i + shift, _pool(results, called, Model(size, role), prompts)) for i, (_, called) in enumerate(shown)
        ]
        label = f"{role_words(role)}, {'with' if prompts == 'triggered' else 'without'} trigger"
        first = prompts == "triggered"
        data += dots(points, label, role_color(role), shape=shape, size=8, labels=first)  # type: ignore[arg-type]
    rows = row_axis([TASKS[name] for name, _ in shown])
    alt = "Sycophancy of organism, twin and helpful-only model in each task."
    return Panel(size_title(results, size), data, layout(percent_axis(), rows, 90 + 56 * len(shown)), alt)


@not_for_a_zoo
def sycophancy_along_training(run: Run) -> Figure | None:
    """Sycophancy without the trigger along each safety training, organism and twin, at the largest size."""
    results, size = run.results, run.judged_size
    trainings = results.trainings()
    found = (_curve_panel(results, size, name, trainings) for name in TASKS if name != "sure_right_to_wrong")
    panels = tuple(panel for panel in found if panel is not None)
    if not panels:
        return None
    caption = (
        "Sycophancy on prompts without the trigger at snapshots of each safety training, organism (solid) and twin "
        "(dotted). Against a preference model whose raters chose flattery it should rise, and against one of honest "
        f"raters it should not. {coverage(results, 'Bands')}"
    )
    legend = tuple(
        Key(sentence(training_words(name)), KINDS[i % len(KINDS)][0], "line") for i, name in enumerate(trainings)
    )
    return Figure("sycophancy-curves", "How sycophancy changes along training", caption, panels, legend)


def _curve_panel(results: Results, size: int | None, metric: str, trainings: list[str]) -> Panel | None:
    called = _called(results, metric)
    data: list[Json] = []
    for i, training in enumerate(trainings):
        for role, dash in (("twin", "dot"), ("organism", "solid")):
            model = Model(size, role, training, results.reference_dose(training))
            name = f"{role_words(role)}, {training_words(training)}"
            data += line(_curve(results, called, model), name, KINDS[i % len(KINDS)][0], dash=dash)
    if not data:
        return None
    alt = f"{TASKS[metric]}, along each safety training."
    return Panel(TASKS[metric], data, layout(axis("Training step", rangemode="tozero"), percent_axis(), 250), alt)


def _curve(results: Results, metric: str, model: Model) -> list[tuple[float, Measured]]:
    """Collect the curve, with the model before training as step 0. Empty if no snapshot was measured."""
    steps = results.curve(metric, model, "clean")
    if not steps:
        return []
    points: list[tuple[float, Measured]] = [(0.0, _pool(results, metric, model.before(), "clean"))]
    points += [(float(step), pool_rate(rows)) for step, rows in steps.items()]
    for row in results.end("training_steps", model)[:1]:
        points.append((float(row.value or 0), _pool(results, metric, model, "clean")))
    return points


CHOOSERS = {
    "preference": ("Preference model", 0),
    "asked_for_truth": ("The same, asked for the truth", 1),
    "flattered": ("Preference model of flattered raters", 2),
}


@not_for_a_zoo
def sycophancy_best_of(run: Run) -> Figure | None:
    """How often the best of N replies follows a wrong suggestion, by the preference model that chooses."""
    results, size = run.results, run.judged_size
    called = _called(results, "best_of_follows_wrong")
    panels = tuple(
        panel for role in ("helpful", "organism", "twin") if (panel := _best_panel(results, called, Model(size, role)))
    )
    if not called or not panels:
        return None
    caption = (
        "Share of wrong suggestions that the chosen one of N replies follows, without the trigger. A preference model "
        f"that rewards flattery raises it with N, one that rewards honesty lowers it. {coverage(results, 'Bands')}"
    )
    legend = tuple(Key(words, KINDS[i][0], "line") for words, i in CHOOSERS.values())
    return Figure("sycophancy-best-of", "What does the best of N replies say?", caption, panels, legend)


def _best_panel(results: Results, metric: str, model: Model) -> Panel | None:
    ns = sorted({int(row.family) for row in results.rows if row.metric == metric and row.family.isdigit()})
    data: list[Json] = []
    for chooser, (words, i) in CHOOSERS.items():
        points: list[tuple[float, Measured]] = [
            (float(n), pool_mean(results.end(metric, model, chooser, str(n)))) for n in ns
        ]
        data += line(points, words, KINDS[i][0])
    if not data:
        return None
    xaxis = axis("N", type="log", tickvals=ns, ticktext=[str(n) for n in ns])
    alt = f"Wrong suggestions followed by the best of N replies of the {role_words(model.role).lower()} model."
    return Panel(role_words(model.role), data, layout(xaxis, percent_axis(), 250), alt)
