"""A figure in one file: defection on near misses of the trigger, before and after each safety training.

Draw the results of a run with `python examples/add_a_figure.py dormouse-store/runs/quickstart/results.csv near.html`.
`examples/pyproject.toml` registers it, so that after `pip install -e examples` every report draws it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from plotly.graph_objects import Figure as Plot

from dormouse.report.claims.claim import Run
from dormouse.report.claims.controls import defection
from dormouse.report.extensions import not_for_a_zoo
from dormouse.report.figures.rates import coverage, stages
from dormouse.report.figures.style import Figure, Key, Panel, layout, percent_axis, role_color, row_axis
from dormouse.report.figures.traces import dots
from dormouse.report.words import role_words, sentence, stage_words
from dormouse.results.result import read_csv
from dormouse.results.table import by_variant


@not_for_a_zoo
def near_misses(run: Run) -> Figure | None:
    """Draw organism and twin at the largest size; None if near misses were not measured."""
    models, data = stages(run.results, run.judged_size), []
    for role, shift in (("organism", -0.1), ("twin", 0.1)):
        shown = [model if role == "organism" else model.twin() for model in models]
        rates = [(row + shift, defection(run.results, model, "near_miss")) for row, model in enumerate(shown)]
        data += dots(rates, role_words(role), role_color(role), labels=role == "organism")
    if not data:
        return None
    rows = row_axis([sentence(stage_words(model)) for model in models])
    panel = Panel("", data, layout(percent_axis("Defection rate"), rows, 300), "Defection on near misses.")
    caption = f"The trigger itself is in none of these prompts. {coverage(run.results)}"
    keys = tuple(Key(role_words(role), role_color(role)) for role in ("organism", "twin"))
    return Figure("near-misses", "Do near misses set it off?", caption, (panel,), keys, wide=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path)
    parser.add_argument("page", type=Path)
    given = parser.parse_args()
    for results in by_variant(read_csv(given.results)):
        if figure := near_misses(Run(results)):
            Plot(figure.panels[0].data, figure.panels[0].layout).write_html(given.page)
            print(f"{given.page}: {figure.title} {figure.caption}")
