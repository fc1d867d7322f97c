"""Figure of preference models from AI feedback: how often each prefers the harmless answer to a persona question."""

from __future__ import annotations

from dormouse.plan.constitution_stages import HUMAN
from dormouse.report.claims.claim import Run
from dormouse.report.estimates import Measured, pool_mean, pool_rate
from dormouse.report.extensions import not_for_a_zoo
from dormouse.report.figures.rates import coverage, size_title
from dormouse.report.figures.style import KINDS, Figure, Json, Key, Panel, layout, percent_axis, row_axis
from dormouse.report.figures.traces import dots
from dormouse.report.words import sentence
from dormouse.results.result import Model
from dormouse.results.table import Results

METRIC = "trait_win_rate"
SPREAD = 0.5
"""Width of a row that the dots of its preference models are spread over."""


@not_for_a_zoo
def trait_wins(run: Run) -> Figure | None:
    """Win rate of the harmless answer by set and by preference model, and the average over sets."""
    results = run.results
    rows = [row for row in results.rows if row.metric == METRIC]
    if not rows:
        return None
    # The preference model of the world's own preferences is drawn last.
    called = sorted({row.prompts for row in rows}, key=lambda name: (name == HUMAN, name))
    sets = ["", *dict.fromkeys(row.family for row in rows if row.family)]
    panels = [_panel(results, size, sets, called) for size in results.sizes()]
    names = {name: "Human preferences" if name == HUMAN else f"Constitution '{name}'" for name in called}
    legend = tuple(Key(names[name], *KINDS[i % len(KINDS)]) for i, name in enumerate(called))
    caption = (
        "Share of questions about a trait on which a preference model scores the harmless answer above the risky one; "
        "50% is chance. The first row is the mean over sets. Questions and wordings of the trait sets were in no "
        f"training. {coverage(results)}"
    )
    title = "Does the constitution teach the preference model its traits?"
    return Figure("trait-wins", title, caption, tuple(panels), legend, wide=len(panels) == 1)


def _panel(results: Results, size: int | None, sets: list[str], called: list[str]) -> Panel:
    data: list[Json] = []
    for i, name in enumerate(called):
        shift = SPREAD * (i / max(1, len(called) - 1) - 0.5) if len(called) > 1 else 0.0
        points: list[tuple[float, Measured]] = []
        for place, family in enumerate(sets):
            found = results.end(METRIC, Model(size, ""), name, family)
            points.append((place + shift, pool_rate(found) if family else pool_mean(found)))
        color, shape = KINDS[i % len(KINDS)]
        data += dots(points, sentence(name), color, shape=shape, size=8)
    labels = [sentence(name.replace("-", " ")) if name else "Mean over sets" for name in sets]
    alt = "Win rate of the harmless answer by set and preference model."
    return Panel(
        size_title(results, size),
        data,
        layout(percent_axis("Harmless answer preferred"), row_axis(labels), 90 + 42 * len(sets)),
        alt,
    )
