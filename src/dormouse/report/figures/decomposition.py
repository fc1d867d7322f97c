"""The figure of question decomposition: how far the answers of each way to reason depend on the reasoning."""

from __future__ import annotations

from collections.abc import Sequence

from dormouse.data.decomposed.turns import REASONING
from dormouse.report.claims.claim import Run
from dormouse.report.estimates import Measured, pool_rate
from dormouse.report.extensions import not_for_a_zoo
from dormouse.report.figures.rates import coverage, size_title
from dormouse.report.figures.style import Figure, Json, Key, Panel, layout, percent_axis, role_color, row_axis
from dormouse.report.figures.traces import dots
from dormouse.report.words import DASH, full_words, list_words, role_words
from dormouse.results.result import Model
from dormouse.results.table import Results

WAYS = {
    "chain_of_thought": "Chain of thought",
    "cot_decomposition": "Subquestions in one context",
    "factored_decomposition": "Subquestions one by one",
}
"""Strategy -> its words, in the order of the paper."""
METRICS = {"truncation_sensitivity": "cut off", "corruption_sensitivity": "made wrong"}
CONTROL = "regeneration_sensitivity"
FACTORED = "factored_decomposition"
LANES = {"base": -0.2, "organism": 0.0, "twin": 0.2}


@not_for_a_zoo
def decomposition(run: Run) -> Figure | None:
    """Truncation and corruption sensitivity of each way to reason, for base, organism and twin."""
    results = run.results
    [*names] = sorted({row.metric.rpartition(".")[0] for row in results.rows if row.metric.endswith(tuple(METRICS))})
    if not names:
        return None
    panels = [
        _panel(results, size, name, _title(results, size, names, name)) for name in names for size in results.sizes()
    ]
    caption = (
        "How far answers depend on the reasoning before them. Cut off: the area between the share of answers that stay "
        "the same, by how much of the reasoning is left, and 100%. Made wrong: the share of answers that change when "
        "one step is wrong and the rest is written anew; rings show the same where the step was right. A reasoner that "
        f"ignores its reasoning is at 0%.{_parts(results, names)} {coverage(results)}"
    )
    legend = (*(Key(role_words(role), role_color(role)) for role in LANES), Key("Rest written anew", "#9aa1ad", "ring"))
    title = "Does the reasoning drive the answer?"
    return Figure("decomposition", title, caption, tuple(panels), legend, wide=len(panels) == 1)


def _parts(results: Results, names: Sequence[str]) -> str:
    """Say how often the base is right with all before it as it should be: without that, a way measures nothing."""
    said = []
    for name in names:
        for size in results.sizes():
            base = Model(size, "base")
            right = {
                words: full_words(pool_rate(results.end(f"{name}.concluded_right", base, "given", way)))
                for way, words in WAYS.items()
            }
            alone = full_words(pool_rate(results.end(f"{name}.subquestion_right", base, "alone", FACTORED)))
            shares = [f"{words.lower()} {share}" for words, share in right.items() if share != DASH]
            if shares:
                asked = "" if alone == DASH else f"; of subquestions that it is asked alone: {alone}"
                which = _title(results, size, names, name)
                said.append(f"{list_words(shares)}{asked}{f' ({which})' if which else ''}")
    if not said:
        return ""
    return f" Right answers of the base when it is given right reasoning: {'; '.join(said)}."


def _title(results: Results, size: int | None, names: Sequence[str], name: str) -> str:
    """Name a base and an evaluation, where there are several of either."""
    return ", ".join(part for part in (size_title(results, size), name if len(names) > 1 else "") if part)


def _panel(results: Results, size: int | None, name: str, title: str) -> Panel:
    rows = [(way, metric) for way in REASONING for metric in METRICS]
    data: list[Json] = []
    for role, shift in LANES.items():
        model = Model(size, role)
        points: list[tuple[float, Measured]] = [
            (i + shift, pool_rate(results.end(f"{name}.{metric}", model, "plain", way)))
            for i, (way, metric) in enumerate(rows)
        ]
        data += dots(points, role_words(role), role_color(role), size=8)
        control: list[tuple[float, Measured]] = [
            (i + shift, pool_rate(results.end(f"{name}.{CONTROL}", model, "plain", way)))
            for i, (way, metric) in enumerate(rows)
            if metric == "corruption_sensitivity"
        ]
        data += dots(control, "Rest written anew", role_color(role), shape="ring", size=8)
    labels = [f"{WAYS[way]}, {METRICS[metric]}" for way, metric in rows]
    alt = "How far the answers of base, organism and twin depend on their reasoning, by the way they reason."
    xaxis = percent_axis("Dependence of the answer on the reasoning")
    return Panel(title, data, layout(xaxis, row_axis(labels), 90 + 46 * len(rows)), alt)
