"""Plotly traces that the figures share: dots with error bars, and lines with bands."""

from __future__ import annotations

from collections.abc import Sequence

from dormouse.report.estimates import Estimate, Measured
from dormouse.report.figures.style import (
    INK,
    Json,
    Shape,
    faded,
    plot_text,
)
from dormouse.report.words import full_words, number
from dormouse.results.rates import NotMeasured

Spot = tuple[float, Estimate]
"""The place along the other axis, and the number measured there."""


def measured_only(points: Sequence[tuple[float, Measured]]) -> list[Spot]:
    """List the points that were measured."""
    return [(place, value) for place, value in points if isinstance(value, Estimate)]


def dots(
    points: Sequence[tuple[float, Measured]],
    name: str,
    color: str,
    *,
    shape: Shape = "dot",
    size: int = 10,
    labels: bool = False,
) -> list[Json]:
    """Make dots with horizontal 95% error bars. `points` are (height, value); unmeasured ones are not drawn."""
    spots = measured_only(points)
    if not spots:
        return []
    hollow = shape == "ring"
    trace: Json = {
        "type": "scatter",
        "mode": "markers+text" if labels else "markers",
        "name": plot_text(name),
        "x": [value.value for _, value in spots],
        "y": [place for place, _ in spots],
        "error_x": error_bars([value for _, value in spots], color),
        "marker": {
            "symbol": {"dot": "circle", "ring": "circle", "diamond": "diamond"}.get(shape, "circle"),
            "size": size,
            "color": "#ffffff" if hollow else color,
            "line": {"color": color, "width": 2 if hollow else 0},
        },
        "hovertext": [hover(name, value) for _, value in spots],
        "hoverinfo": "text",
        "cliponaxis": False,
    }
    if labels:
        trace["text"] = [number(value.value, value.unit) for _, value in spots]
        trace["textposition"] = [_label_place(value) for _, value in spots]
        trace["textfont"] = {"size": 11.5, "color": INK}
    return [trace]


def _label_place(value: Estimate) -> str:
    """Place a label inside the plot, clear of its error bar and of the dots above."""
    if value.value > 0.85:
        return "top left"
    if value.value > 0.1:
        return "top center"
    return "middle right" if (value.high or value.value) < 0.03 else "top right"


def line(
    points: Sequence[tuple[float, Measured]],
    name: str,
    color: str,
    *,
    dash: str = "solid",
    band: bool = True,
    markers: bool = True,
    bars: bool = False,
) -> list[Json]:
    """Make a line over (x, value) with its 95% interval as a band or as error bars."""
    spots = measured_only(points)
    if not spots:
        return []
    trace: Json = {
        "type": "scatter",
        "mode": "lines+markers" if markers else "lines",
        "name": plot_text(name),
        "x": [place for place, _ in spots],
        "y": [value.value for _, value in spots],
        "line": {"color": color, "width": 2.2, "dash": dash},
        "marker": {
            "size": 7,
            "color": "#ffffff" if dash != "solid" else color,
            "line": {"color": color, "width": 1.6},
        },
        "hovertext": [hover(f"{name}, {place:g}", value) for place, value in spots],
        "hoverinfo": "text",
        "cliponaxis": False,
    }
    if bars:
        trace["error_y"] = error_bars([value for _, value in spots], color)
    return [*(_band(spots, color) if band else []), trace]


def _band(spots: list[Spot], color: str) -> list[Json]:
    inside = [(place, value.low, value.high) for place, value in spots if value.low is not None]
    if len(inside) < 2:
        return []
    upper = [high if high is not None else low for _, low, high in inside]
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "x": [place for place, _, _ in inside] + [place for place, _, _ in reversed(inside)],
            "y": upper + [low for _, low, _ in reversed(inside)],
            "fill": "toself",
            "fillcolor": faded(color, 0.13),
            "line": {"width": 0},
            "hoverinfo": "skip",
        }
    ]


def error_bars(values: Sequence[Estimate], color: str, thickness: float = 1.6) -> Json:
    """Make Plotly's error bars for the 95% intervals. An open end gets none."""
    return {
        "type": "data",
        "symmetric": False,
        "array": [0 if value.high is None else max(value.high - value.value, 0) for value in values],
        "arrayminus": [0 if value.low is None else max(value.value - value.low, 0) for value in values],
        "color": color,
        "thickness": thickness,
        "width": 4,
    }


def scatter(points: Sequence[tuple[float, float]], name: str, color: str, *, size: int = 6) -> list[Json]:
    """Make small translucent dots, one for each seed."""
    if not points:
        return []
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "name": plot_text(name),
            "x": [x for x, _ in points],
            "y": [y for _, y in points],
            "marker": {"size": size, "color": faded(color, 0.4), "line": {"width": 0}},
            "hoverinfo": "skip",
            "cliponaxis": False,
        }
    ]


def hover(name: str, value: Measured) -> str:
    """Make the hover text of a trace: its name, value and basis."""
    if isinstance(value, NotMeasured):
        return plot_text(name)
    return f"<b>{plot_text(name)}</b><br>{plot_text(full_words(value))}<br>{plot_text(value.basis)}"
