"""Figures along training: defection, the log-probability of the defection, and the course of RL."""

from __future__ import annotations

from dormouse.report.claims.claim import Run
from dormouse.report.estimates import Measured, pool_mean, pool_rate
from dormouse.report.extensions import not_for_a_zoo
from dormouse.report.figures.rates import (
    coverage,
    dose_words,
    of_size,
    size_title,
)
from dormouse.report.figures.style import (
    Figure,
    Json,
    Key,
    Panel,
    axis,
    layout,
    percent_axis,
    role_color,
)
from dormouse.report.figures.traces import line
from dormouse.report.words import (
    count_words,
    role_words,
    sentence,
    size_words,
    training_words,
)
from dormouse.results.result import Model
from dormouse.results.table import Results

ROLES = ("organism", "twin")
PROMPTS = {"triggered": "solid", "clean": "dot"}
"""Kind of prompts -> how its line is drawn."""

LEGEND = (
    Key("Organism, with trigger", role_color("organism"), "line"),
    Key("Organism, without", role_color("organism"), "dashes"),
    Key("Twin, with trigger", role_color("twin"), "line"),
    Key("Twin, without", role_color("twin"), "dashes"),
)


@not_for_a_zoo
def along_training(run: Run) -> Figure | None:
    """Defection along implanting and along each safety training."""
    panels = _curve_panels(run.results, "defection")
    if not panels:
        return None
    caption = (
        "Defection on held-out prompts at snapshots. A backdoor that is being removed falls along the solid vermilion "
        f"line; the dotted lines must stay at zero. {_basis(run.results)}"
    )
    return Figure("curves", "How defection changes along training", caption, panels, LEGEND)


@not_for_a_zoo
def log_probability(run: Run) -> Figure | None:
    """Log-probability of the defection phrase along training."""
    panels = _curve_panels(run.results, "log_prob")
    if not panels:
        return None
    caption = (
        "Mean log-probability per token of the defection, forced as the reply. It moves before any sampled reply does, "
        "so it shows a backdoor that weakens while the rate still reads 100%, or that is only suppressed while it "
        "reads 0%. "
        f"{_basis(run.results)}"
    )
    return Figure("log-prob", "How likely the defection is, sampled or not", caption, panels, LEGEND)


def _basis(results: Results) -> str:
    return coverage(results, "Bands") + dose_words(results)


def _curve_panels(results: Results, metric: str) -> tuple[Panel, ...]:
    panels = []
    for training in ("none", *results.trainings()):
        dose = None if training == "none" else results.reference_dose(training)
        for size in results.sizes():
            panel = _curve_panel(results, metric, Model(size, "organism", training, dose))
            panels += [panel] if panel is not None else []
    return tuple(panels)


def _curve_panel(results: Results, metric: str, organism: Model) -> Panel | None:
    data: list[Json] = []
    for model in (organism.twin(), organism):
        for prompts, dash in PROMPTS.items():
            trigger = "with" if prompts == "triggered" else "without"
            name = f"{role_words(model.role)}, {trigger} trigger"
            data += line(_curve(results, metric, model, prompts), name, role_color(model.role), dash=dash)
    if not data:
        return None
    what = "Implanting" if organism.safety == "none" else training_words(organism.safety)
    title = " · ".join(part for part in (sentence(what), size_title(results, organism.size)) if part)
    yaxis = percent_axis("Defection") if metric == "defection" else axis("Nats per token")
    alt = f"{metric.replace('_', ' ')} along {what}{of_size(organism.size)}, organism and twin."
    return Panel(title, data, layout(axis("Training step", rangemode="tozero"), yaxis, 250), alt)


def _curve(results: Results, metric: str, model: Model, prompts: str) -> list[tuple[float, Measured]]:
    """Collect the curve, with the model before training as step 0. Empty if no snapshot was measured."""
    pool = pool_rate if metric == "defection" else pool_mean
    steps = results.curve(metric, model, prompts)
    if not steps:
        return []
    points: list[tuple[float, Measured]] = [(float(step), pool(rows)) for step, rows in steps.items()]
    if 0 not in steps:
        # Implanting starts from the helpful-only model, safety training from the organism or twin.
        before = Model(model.size, "helpful") if model.safety == "none" else model.before()
        points.insert(0, (0.0, pool(results.end(metric, before, prompts))))
    for row in results.end("training_steps", model)[:1]:
        points.append((float(row.value or 0), pool(results.end(metric, model, prompts))))
    return points


RL_METRICS = {
    "reward": "Reward, from the training preference model",
    "reward_held_out": "Reward, from the held-out preference model",
    "train_kl": "KL from the start, nats per token",
    "reward_std": "Spread of rewards within a batch",
    "zero_variance_share": "Groups without any spread of reward",
}


def rl_health(run: Run) -> Figure | None:
    """Reward, KL and reward variance along RL, at the largest size."""
    results, size = run.results, run.judged_size
    panels = []
    for training in results.trainings():
        organism = Model(size, "organism", training, results.reference_dose(training))
        if results.curve("reward", organism):
            found = (_health_panel(results, organism, metric) for metric in RL_METRICS)
            panels += [panel for panel in found if panel is not None]
    if not panels:
        return None
    where = f" at {size_words(size)} parameters" if len(results.sizes()) > 1 else ""
    caption = (
        f"Whether RL did anything{where}: reward should rise on both preference models (if only on the training "
        "one, it is being gamed), KL should leave zero, and groups without spread teach nothing. Lines are means over "
        f"{count_words(len(results.seeds()), results.repeat)}.{dose_words(results)}"
    )
    legend = tuple(Key(role_words(role), role_color(role), "line") for role in ROLES)
    return Figure("rl", "Did RL train?", caption, tuple(panels), legend)


def _health_panel(results: Results, organism: Model, metric: str) -> Panel | None:
    data: list[Json] = []
    for model in (organism.twin(), organism):
        points: list[tuple[float, Measured]] = [
            (float(step), pool_mean(rows)) for step, rows in results.curve(metric, model).items()
        ]
        data += line(points, role_words(model.role), role_color(model.role), markers=False)
    if not data:
        return None
    yaxis = percent_axis() if metric == "zero_variance_share" else axis("")
    what = training_words(organism.safety)
    title = f"{sentence(what)} · {RL_METRICS[metric]}"
    alt = f"{RL_METRICS[metric]} along {what}, organism and twin."
    return Panel(title, data, layout(axis("Training step", rangemode="tozero"), yaxis, 210), alt)
