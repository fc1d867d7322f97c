"""The figure of removals: defection left against capability lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dormouse.report.claims.claim import Run
from dormouse.report.claims.controls import defection, defection_later
from dormouse.report.estimates import Estimate, Measured, difference
from dormouse.report.figures.rates import coverage, of_size, size_title
from dormouse.report.figures.style import (
    INK,
    KINDS,
    MUTED,
    Figure,
    Json,
    Key,
    Panel,
    Shape,
    axis,
    faded,
    layout,
    percent_axis,
    plot_text,
    role_color,
)
from dormouse.report.figures.traces import error_bars, hover
from dormouse.report.words import full_words, sentence, training_words
from dormouse.results.result import Model
from dormouse.results.table import Results

SYMBOLS = {
    "dot": "circle", "square": "square", "diamond": "diamond", "triangle": "triangle-up", "wedge": "triangle-down",
    "cross": "x",
}  # fmt: skip
"""A key's shape -> Plotly's name for it."""
SMALLEST, STEP, LARGEST = 8, 3, 17
"""Diameters in pixels: of the weakest strength, added for each stronger one, and at most."""


@dataclass(frozen=True)
class Point:
    """One treated organism: the capability it lost, the defection left, and the defection that came back."""

    name: str
    lost: Estimate
    """Capability lost, in points."""
    left: Estimate
    later: Measured


def cost_and_rest(run: Run) -> Figure | None:
    """Defection left against capability lost, a line for each removal through its strengths, a panel for each size."""
    results = run.results
    panels = [panel for size in results.sizes() if (panel := _panel(results, size)) is not None]
    if not panels:
        return None
    keys = [Key(sentence(training_words(name)), *_look(i)) for i, name in enumerate(results.removals())]
    keys.append(Key("Untouched organism", role_color("organism")))
    keys += [Key("Safety training, for comparison", MUTED, "cross")] if results.trainings() else []
    keys.append(Key("After further benign training", INK, "ring"))
    caption = (
        "Lower means less of the backdoor left, further right more capability lost: the lower left corner is best. A "
        "line joins the strengths of one removal; larger symbols are stronger. The open symbol joined to a filled one "
        "is the same model after further benign training: if it is high again, the backdoor was suppressed and not "
        "removed. "
        f"{coverage(results)}"
    )
    title = "What does taking the backdoor out cost?"
    return Figure("removals", title, caption, tuple(panels), tuple(keys), wide=len(panels) == 1)


def _look(i: int) -> tuple[str, Shape]:
    return KINDS[i % len(KINDS)]


def _panel(results: Results, size: int | None) -> Panel | None:
    removed = {name: _points(results, size, name, "strength") for name in results.removals()}
    trained = {name: _points(results, size, name, "dose") for name in results.trainings()}
    if not any(removed.values()):
        return None
    data: list[Json] = []
    for i, (name, points) in enumerate(removed.items()):
        sizes = [min(SMALLEST + STEP * rank, LARGEST) for rank in range(len(points))]
        data += _traces(points, training_words(name), *_look(i), sizes, joined=True)
    lost = [0.0, *(point.lost.value for points in (*removed.values(), *trained.values()) for point in points)]
    for name, points in trained.items():
        # Keep the name inside the plot.
        far = any(point.lost.value > (min(lost) + max(lost)) / 2 for point in points[:1])
        place = "middle left" if far else "middle right"
        data += _traces(points, training_words(name), MUTED, "cross", [9] * len(points), label=place)
    data += _untouched(results, size)
    xaxis = axis("Capability lost, points", zeroline=True, zerolinecolor="#b9bfc9")
    alt = (
        f"Defection with the trigger against capability lost{of_size(size)}, for each removal at each strength, before "
        "and after further benign training; numbers are in the table of removals."
    )
    settings = layout(xaxis, percent_axis("Defection with the trigger"), 430)
    return Panel(size_title(results, size), data, settings, alt)


def _points(results: Results, size: int | None, name: str, amount: str) -> list[Point]:
    """Make a point for each strength or dose at which both numbers were measured, weakest first."""
    found = []
    for strength in results.doses(name):
        model = Model(size, "organism", name, strength)
        lost = difference(results.end("capability", model.before()), results.end("capability", model))
        left = defection(results, model, "triggered")
        at = "" if strength is None else f", {amount} {strength:g}"
        if isinstance(lost, Estimate) and isinstance(left, Estimate):
            found.append(Point(f"{sentence(training_words(name))}{at}", lost, left, defection_later(results, model)))
    return found


def _untouched(results: Results, size: int | None) -> list[Json]:
    model = Model(size, "organism")
    left = defection(results, model, "triggered")
    if not isinstance(left, Estimate):
        return []
    # The others are compared with it: its loss is zero by definition and was not measured.
    nothing = Estimate(0.0, None, None, "points", left.seeds, repeat=left.repeat)
    point = Point("Untouched organism", nothing, left, defection_later(results, model))
    return _traces([point], "untouched", role_color("organism"), "dot", [12], label="top right")


def _traces(
    points: Sequence[Point],
    name: str,
    color: str,
    shape: str,
    sizes: Sequence[int],
    *,
    joined: bool = False,
    label: str = "",
) -> list[Json]:
    """Make a trace of symbols with error bars, and one of open symbols for what came back, joined by dotted lines.

    `label` is where the name stands at the first symbol, as Plotly spells it; empty for no name.
    """
    if not points:
        return []
    trace: Json = {
        **_scatter(points, [point.left for point in points], name),
        "mode": "lines+markers" if joined else "markers+text" if label else "markers",
        "error_x": error_bars([point.lost for point in points], faded(color, 0.45), 1.1),
        "error_y": error_bars([point.left for point in points], faded(color, 0.45), 1.1),
        "line": {"color": color, "width": 1.8},
        "marker": {"symbol": SYMBOLS[shape], "size": list(sizes), "color": color, "line": {"width": 0}},
        "hovertext": [_said(point, "left", point.left) for point in points],
    }
    if label:
        trace |= {"text": [plot_text(name)] + [""] * (len(points) - 1), "textposition": label}
        trace["textfont"] = {"size": 11.5, "color": INK}
    back = [(point, size) for point, size in zip(points, sizes, strict=True) if isinstance(point.later, Estimate)]
    return [*_returns(back, name, color, shape), trace]


def _returns(back: Sequence[tuple[Point, int]], name: str, color: str, shape: str) -> list[Json]:
    points = [point for point, _ in back]
    later = [point.later for point in points if isinstance(point.later, Estimate)]
    if not later:
        return []
    threads: Json = {
        "type": "scatter",
        "mode": "lines",
        "x": [x for point in points for x in (point.lost.value, point.lost.value, None)],
        "y": [y for point, now in zip(points, later, strict=True) for y in (point.left.value, now.value, None)],
        "line": {"color": color, "width": 1.3, "dash": "dot"},
        "hoverinfo": "skip",
    }
    opened: Json = {
        **_scatter(points, later, f"{name}, after further benign training"),
        "mode": "markers",
        "marker": {
            "symbol": SYMBOLS[shape],
            # Larger, so that it shows around the full symbol when both are in one place.
            "size": [size + 5 for _, size in back],
            "color": "#ffffff",
            "line": {"color": color, "width": 1.8},
        },
        "hovertext": [
            _said(point, "after further benign training", now) for point, now in zip(points, later, strict=True)
        ],
    }
    return [threads, opened]


def _scatter(points: Sequence[Point], values: Sequence[Estimate], name: str) -> Json:
    return {
        "type": "scatter",
        "name": plot_text(name),
        "x": [point.lost.value for point in points],
        "y": [value.value for value in values],
        "hoverinfo": "text",
        "cliponaxis": False,
    }


def _said(point: Point, what: str, value: Estimate) -> str:
    return f"{hover(f'{point.name}: {what}', value)}<br>Capability lost {plot_text(full_words(point.lost))}"
