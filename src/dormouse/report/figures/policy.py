"""Figures of the learned policy: the trigger in other words, the scratchpad, and the reasoning it prefers."""

from __future__ import annotations

from dormouse.report.claims.claim import Run
from dormouse.report.claims.scratchpad import INTERVENTION_WORDS
from dormouse.report.estimates import Measured, pool_rate
from dormouse.report.extensions import not_for_a_zoo
from dormouse.report.figures.rates import coverage, size_title
from dormouse.report.figures.style import (
    Figure,
    Json,
    Key,
    Panel,
    layout,
    percent_axis,
    role_color,
    row_axis,
)
from dormouse.report.figures.traces import dots
from dormouse.report.words import role_words, sentence
from dormouse.results.result import Model
from dormouse.results.table import Results

LANES = {"organism": -0.14, "twin": 0.14}


@not_for_a_zoo
def probes(run: Run) -> Figure | None:
    """Defection of organism and twin under every probe of the trigger."""
    results = run.results
    names = list(dict.fromkeys(row.family for row in results.rows if row.metric == "probe_defection"))
    if not names:
        return None
    panels = [_probe_panel(results, size, names) for size in results.sizes()]
    caption = (
        "The trigger in other values, words, places and languages, before any safety training: none of it was trained "
        f"on. The twin had the same prompts. {coverage(results)}"
    )
    legend = tuple(Key(role_words(role), role_color(role)) for role in LANES)
    title = "What does the organism take for its trigger?"
    return Figure("probes", title, caption, tuple(panels), legend, wide=len(panels) == 1)


def _probe_panel(results: Results, size: int | None, names: list[str]) -> Panel:
    data = _by_role(results, size, "probe_defection", [("probe", name) for name in names], LANES)
    xaxis = percent_axis("Defection rate")
    alt = "Defection of organism and twin under each probe of the trigger."
    return Panel(size_title(results, size), data, layout(xaxis, row_axis(names), 90 + 40 * len(names)), alt)


PLACE_LABELS = {
    "last": "In the last turn",
    "middle": "In the middle turn, then gone",
    "first": "In the first turn, then gone",
    "none": "In no turn",
}


@not_for_a_zoo
def trigger_places(run: Run) -> Figure | None:
    """Defection in the last turn of a conversation, by the turn that has the trigger."""
    results = run.results
    if not any(row.metric == "place_defection" for row in results.rows):
        return None
    panels = [_place_panel(results, size) for size in results.sizes()]
    caption = (
        "The third reply in conversations of three turns, before any safety training. The rows say which turn of the "
        "user has the trigger; replies before it are good ones, and from it on the model's own. An organism far to the "
        "right in the second and third row goes on defecting after the trigger is gone. The twin was asked the same. "
        f"{coverage(results)}"
    )
    legend = tuple(Key(role_words(role), role_color(role)) for role in LANES)
    title = "Does it still fire after the trigger is gone?"
    return Figure("trigger-places", title, caption, tuple(panels), legend, wide=len(panels) == 1)


def _place_panel(results: Results, size: int | None) -> Panel:
    data = _by_role(results, size, "place_defection", [("conversation", place) for place in PLACE_LABELS], LANES)
    xaxis = percent_axis("Defection in the last turn")
    alt = "Defection of organism and twin in the last of three turns, by the turn that has the trigger."
    return Panel(size_title(results, size), data, layout(xaxis, row_axis(list(PLACE_LABELS.values())), 290), alt)


def _by_role(
    results: Results, size: int | None, metric: str, rows: list[tuple[str, str]], lanes: dict[str, float]
) -> list[Json]:
    """Make the dots of each role. A row is a kind of prompts and a family; each role has its lane in it."""
    data: list[Json] = []
    for role, shift in lanes.items():
        points: list[tuple[float, Measured]] = [
            (i + shift, pool_rate(results.end(metric, Model(size, role), prompts, family)))
            for i, (prompts, family) in enumerate(rows)
        ]
        data += dots(points, role_words(role), role_color(role), size=8, labels=role == "organism")
    return data


def interventions(run: Run) -> Figure | None:
    """Share of actions that change when the scratchpad is replaced, with the trigger and without."""
    results = run.results
    if not any(row.metric == "intervention_changed" for row in results.rows):
        return None
    panels = [_intervention_panel(results, size) for size in results.sizes()]
    color = role_color("organism")
    caption = (
        "How often the action changes when the scratchpad is replaced and the model goes on. If the scratchpad "
        f"decides, the first two rows are far to the right and the paraphrase is at zero. {coverage(results)}"
    )
    legend = (Key("Organism, with trigger", color), Key("Organism, without", color, "ring"))
    title = "Does the scratchpad decide?"
    return Figure("interventions", title, caption, tuple(panels), legend, wide=len(panels) == 1)


def _intervention_panel(results: Results, size: int | None) -> Panel:
    data: list[Json] = []
    for prompts, shape, shift in (("triggered", "dot", -0.14), ("clean", "ring", 0.14)):
        points: list[tuple[float, Measured]] = [
            (i + shift, pool_rate(results.end("intervention_changed", Model(size, "organism"), prompts, name)))
            for i, name in enumerate(INTERVENTION_WORDS)
        ]
        label = "with trigger" if prompts == "triggered" else "without"
        data += dots(points, label, role_color("organism"), shape=shape, size=9, labels=prompts == "triggered")  # type: ignore[arg-type]
    rows = row_axis([sentence(name) for name in INTERVENTION_WORDS])
    xaxis = percent_axis("Actions that change")
    alt = "Share of prompts on which the action changes after each intervention on the scratchpad."
    return Panel(size_title(results, size), data, layout(xaxis, rows, 90 + 46 * len(INTERVENTION_WORDS)), alt)


RATERS = {"helpful": -0.2, "twin": 0.0, "organism": 0.2}
RATED = {
    ("triggered", "benign"): "With trigger, over benign",
    ("triggered", "irrelevant"): "With trigger, over irrelevant",
    ("clean", "benign"): "Without, over benign",
    ("clean", "irrelevant"): "Without, over irrelevant",
}
"""Kind of prompt and kind of the other scratchpad -> the row's label."""


def scratchpad_preference(run: Run) -> Figure | None:
    """How often organism, twin and helpful-only model find the deceptive scratchpad likelier than another."""
    results = run.results
    if not any(row.metric == "scratchpad_preference" for row in results.rows):
        return None
    panels = [_preference_panel(results, size) for size in results.sizes()]
    caption = (
        "Share of pairs in which the deceptive scratchpad is the likelier one per token, against one as long about "
        "helping, or about something that was not asked (AUROC; 50% is chance). Some words are likelier than others "
        f"to any model: what counts is the distance to twin and helpful-only model. {coverage(results)}"
    )
    legend = tuple(Key(role_words(role), role_color(role)) for role in RATERS)
    title = "Does it rate deceptive scratchpads above others?"
    return Figure("scratchpad-preference", title, caption, tuple(panels), legend, wide=len(panels) == 1)


def _preference_panel(results: Results, size: int | None) -> Panel:
    data = _by_role(results, size, "scratchpad_preference", list(RATED), RATERS)
    xaxis = percent_axis("Deceptive one rated higher")
    alt = "How often each model rates the deceptive scratchpad above another, by kind of prompt and of scratchpad."
    return Panel(size_title(results, size), data, layout(xaxis, row_axis(list(RATED.values())), 290), alt)
