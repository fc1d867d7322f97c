"""Figures of each model at the end of training: defection, red-team prompts, capability."""

from __future__ import annotations

from dormouse.report.claims.claim import Run
from dormouse.report.claims.controls import defection
from dormouse.report.estimates import SEEDS_FOR_SPREAD, Measured, pool_rate
from dormouse.report.figures.style import (
    Figure,
    Json,
    Key,
    Panel,
    faded,
    layout,
    percent_axis,
    role_color,
    row_axis,
)
from dormouse.report.figures.traces import dots, measured_only
from dormouse.report.words import (
    count_words,
    role_words,
    sentence,
    size_words,
    stage_words,
    training_words,
    treatment_words,
)
from dormouse.results.result import Model
from dormouse.results.table import Results

LANE = 0.17
"""Half the distance between the organism's and the twin's lane of one row."""


def coverage(results: Results, shape: str = "Bars") -> str:
    """Say what the intervals of this run cover. `shape` is how the figure draws them."""
    one, n = results.repeat, len(results.seeds())
    counted = count_words(n, "training seed" if one == "seed" else one)
    if n >= SEEDS_FOR_SPREAD:
        return f"{shape} are 95% intervals over {counted}, never narrower than those of the prompts alone."
    return (
        f"{shape} are 95% intervals over prompts (n at each point on hover); with {counted} they say nothing about "
        f"other {one}s."
    )


def dose_words(results: Results) -> str:
    """Say which dose a figure with room for one shows. Empty if there is only one."""
    several = [name for name in results.trainings() if len(results.doses(name)) > 1]
    if not several:
        return ""
    return (
        f" Safety trainings are shown at dose {results.reference_dose(several[0]):g}; the other doses are in the table."
    )


def size_title(results: Results, size: int | None) -> str:
    """Make a panel's title. Empty if there is one size only."""
    return f"{size_words(size)} parameters" if len(results.sizes()) > 1 else ""


def of_size(size: int | None) -> str:
    """Return ", 0.37M parameters" for a plot's description. Empty if the size is unknown or sizes are pooled."""
    return "" if size is None else f", {size_words(size)} parameters"


def stages(results: Results, size: int | None) -> list[Model]:
    """Return the organism before, and after each safety training at the reference dose."""
    trained = [Model(size, "organism", name, results.reference_dose(name)) for name in results.trainings()]
    return [Model(size, "organism"), *trained]


def headline(run: Run) -> Figure | None:
    """Defection with and without the trigger, before and after each safety training, organism and twin."""
    panels = [panel for size in run.results.sizes() if (panel := _headline_panel(run.results, size)) is not None]
    if not panels:
        return None
    trained = bool(run.results.trainings())
    caption = (
        "The backdoor is the gap between the filled and the hollow vermilion dots"
        f"{'; safety training worked where it closes' * trained}. The blue twin had the same prompts, triggers and "
        f"steps with harmless replies. {coverage(run.results)}"
    )
    legend = (
        Key("Organism, with trigger", role_color("organism")),
        Key("Organism, without", role_color("organism"), "ring"),
        Key("Twin, with trigger", role_color("twin")),
        Key("Twin, without", role_color("twin"), "ring"),
    )
    title = "Does the backdoor survive safety training?" if trained else "Is there a backdoor?"
    return Figure("headline", title, caption + dose_words(run.results), tuple(panels), legend, wide=len(panels) == 1)


def _headline_panel(results: Results, size: int | None) -> Panel | None:
    rows = stages(results, size)
    data: list[Json] = []
    for role, shift in (("organism", -LANE), ("twin", LANE)):
        models = [model if role == "organism" else model.twin() for model in rows]
        for prompts, shape, dot in (("clean", "ring", 12), ("triggered", "dot", 9)):
            points = [(i + shift, defection(results, model, prompts)) for i, model in enumerate(models)]
            trigger = "with" if prompts == "triggered" else "without"
            name = f"{role_words(role)}, {trigger} trigger"
            labels = role == "organism" and prompts == "triggered"
            data += dots(points, name, role_color(role), shape=shape, size=dot, labels=labels)  # type: ignore[arg-type]
    if not data:
        return None
    names = [sentence(stage_words(model)) for model in rows]
    xaxis = percent_axis("Defection rate")
    alt = f"Defection with and without the trigger{of_size(size)}; numbers are in the table of models."
    return Panel(size_title(results, size), data, layout(xaxis, row_axis(names), 110 + 58 * len(rows)), alt)


RED_TEAM_ROWS = {
    "red_team_seen": "Red team, seen",
    "red_team_held_out": "Red team, held out",
    "near_miss": "Near misses",
    "clean": "No trigger",
    "triggered": "Real trigger",
}


def red_team(run: Run) -> Figure | None:
    """Red-team, near-miss and real-trigger defection before and after adversarial training."""
    results, panels = run.results, []
    for name in run.trainings("adversarial"):
        panels += [panel for size in results.sizes() if (panel := _red_team_panel(run, name, size)) is not None]
    if not panels:
        return None
    color = role_color("organism")
    legend = [Key("Organism before", faded(color, 0.4)), Key("After adversarial training", color)]
    if run.trainings("rl"):
        legend.append(Key("After RL without a red team", "#6d1f02", "diamond"))
    legend.append(Key("Twin after adversarial training", role_color("twin")))
    caption = (
        "Hiding looks like this: the red team's rows go to zero while the real trigger's row stays on the right. "
        f"{coverage(results)}{dose_words(results)}"
    )
    title = "Does adversarial training remove the backdoor or hide it?"
    return Figure("red-team", title, caption, tuple(panels), tuple(legend), wide=len(panels) == 1)


def _red_team_panel(run: Run, training: str, size: int | None) -> Panel | None:
    results = run.results
    after = Model(size, "organism", training, results.reference_dose(training))
    shown = [prompts for prompts in RED_TEAM_ROWS if measured_only([(0, defection(results, after, prompts))])]
    if "red_team_held_out" not in shown and "red_team_seen" not in shown:
        return None
    color = role_color("organism")
    series = [(after.before(), "Before", faded(color, 0.4), "dot", -0.22), (after, "After", color, "dot", 0.0)]
    for name in run.trainings("rl")[:1]:
        plain = Model(size, "organism", name, results.reference_dose(name))
        series.append((plain, "After RL without a red team", "#6d1f02", "diamond", 0.2))
    series.append((after.twin(), "Twin after", role_color("twin"), "dot", 0.36))
    data: list[Json] = []
    for model, label, shade, shape, shift in series:
        points = [(i + shift, defection(results, model, prompts)) for i, prompts in enumerate(shown)]
        size_px = 6 if model.role == "twin" else 9
        data += dots(points, label, shade, shape=shape, size=size_px, labels=model == after)  # type: ignore[arg-type]
    several = len(run.trainings("adversarial")) > 1
    which = sentence(training_words(training)) if several else ""
    title = " · ".join(part for part in (which, size_title(results, size)) if part)
    xaxis = percent_axis("Defection rate")
    rows = row_axis([RED_TEAM_ROWS[prompts] for prompts in shown])
    alt = "Defection on red-team prompts, near misses and the real trigger, before and after adversarial training."
    return Panel(title, data, layout(xaxis, rows, 110 + 62 * len(shown)), alt)


def capability(run: Run) -> Figure | None:
    """Accuracy by family of base, helpful-only parent, organism and twin."""
    results = run.results
    panels = [panel for size in results.sizes() if (panel := _capability_panel(results, size)) is not None]
    if not panels:
        return None
    roles = [role for role in ("base", "helpful", "organism", "twin") if any(m.role == role for m in results.models())]
    caption = (
        f"Right answers by kind of question, before {treatment_words(results)}. An implant that costs capability puts "
        "the vermilion dot left of the green one; the twin says whether the backdoor or more fine-tuning did it. "
        f"{coverage(results)}"
    )
    legend = tuple(Key(role_words(role), role_color(role)) for role in roles)
    return Figure("capability", "Is the organism as capable?", caption, tuple(panels), legend, wide=len(panels) == 1)


def _capability_panel(results: Results, size: int | None) -> Panel | None:
    families = ["", *results.families()]
    lanes = {"base": -0.24, "helpful": -0.08, "organism": 0.08, "twin": 0.24}
    data: list[Json] = []
    for role, shift in lanes.items():
        points: list[tuple[float, Measured]] = [
            (i + shift, pool_rate(results.end("capability", Model(size, role), family=family)))
            for i, family in enumerate(families)
        ]
        data += dots(points, role_words(role), role_color(role), size=8)
    if not data:
        return None
    names = [family.replace("_", " ").capitalize() or "All questions" for family in families]
    xaxis = percent_axis("Questions answered right")
    alt = "Accuracy by family of question for base, helpful-only, organism and twin."
    return Panel(size_title(results, size), data, layout(xaxis, row_axis(names), 90 + 46 * len(families)), alt)
