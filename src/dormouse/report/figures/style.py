"""How figures look: one color per role everywhere, and the layout every panel shares.

The colors can be told apart with the common color vision deficiencies and in gray print: vermilion and blue for the two
models that are compared, neutral tones for their ancestors, and light-to-dark ramps for amounts. Removals, which can be
many, also differ in shape.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from math import log10
from typing import Any, Literal

INK = "#1d2430"
MUTED = "#626b79"
GRID = "#e6e8ec"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Liberation Sans', Arial, sans-serif"

ROLE_COLORS = {"organism": "#c8420e", "twin": "#1f6fb2", "helpful": "#4f8a5b", "base": "#7d8592"}
DOSE_RAMP = ("#f2b28c", "#c8420e", "#6d1f02")
SIZE_RAMP = ("#b9a7d8", "#8a63b5", "#5b3391", "#2d1252")

Shape = Literal["dot", "ring", "square", "diamond", "triangle", "wedge", "cross", "line", "dashes", "band"]
Json = dict[str, Any]

KINDS: tuple[tuple[str, Shape], ...] = (
    ("#332288", "dot"), ("#44aa99", "square"), ("#aa4499", "diamond"), ("#999933", "triangle"), ("#882255", "wedge"),
    ("#117733", "dot"), ("#cc6677", "square"), ("#5f7a96", "diamond"),
)  # fmt: skip
"""Colors and shapes of the removals, in turn, after Tol's "muted" scheme. Vermilion and blue are taken."""


@dataclass(frozen=True)
class Key:
    """One entry of a figure's legend, drawn by the page and shared by all its panels."""

    label: str
    color: str
    shape: Shape = "dot"


@dataclass(frozen=True)
class Panel:
    """One plot: Plotly traces and layout as JSON."""

    title: str
    data: list[Json]
    layout: Json
    alt: str
    """Describes the plot for readers who cannot see it."""


@dataclass(frozen=True)
class Figure:
    """A captioned set of panels that share a legend."""

    id: str
    title: str
    caption: str
    panels: tuple[Panel, ...]
    legend: tuple[Key, ...]
    wide: bool = False
    """Whether each panel takes the whole width of the page."""
    paired: bool = False
    """Whether panels are laid out in pairs."""

    @property
    def columns(self) -> str:
        """How the page lays the panels out. Empty: as many in a row as there is room for."""
        if self.wide:
            return "one"
        if self.paired or len(self.panels) in (2, 4):
            return "two"
        return "four" if len(self.panels) % 4 == 0 else ""


def role_color(role: str) -> str:
    """Return the color of a role."""
    return ROLE_COLORS.get(role, INK)


def ramp(colors: Sequence[str], n: int) -> list[str]:
    """Pick `n` colors from light to dark; for n = 1, the middle one."""
    if n <= 1:
        return [colors[len(colors) // 2]] * n
    return [_mix(colors, i / (n - 1) * (len(colors) - 1)) for i in range(n)]


def _mix(colors: Sequence[str], place: float) -> str:
    left = min(int(place), len(colors) - 2)
    share = place - left
    pairs = zip(_channels(colors[left]), _channels(colors[left + 1]), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def _channels(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def faded(color: str, alpha: float) -> str:
    """Add an alpha channel to the color."""
    red, green, blue = _channels(color)
    return f"rgba({red},{green},{blue},{alpha:g})"


def plot_text(text: str) -> str:
    """Escape text for Plotly, which reads a little HTML in labels."""
    return html.escape(text, quote=False)


def axis(title: str = "", **settings: Any) -> Json:
    """Make an axis in the house style; `settings` are Plotly's own."""
    if "ticktext" in settings:
        settings["ticktext"] = [plot_text(text) for text in settings["ticktext"]]
    return {
        "title": {"text": plot_text(title), "font": {"size": 13, "color": MUTED}, "standoff": 8},
        "gridcolor": GRID,
        "linecolor": "#b9bfc9",
        "zeroline": False,
        "ticks": "",
        "tickfont": {"size": 12, "color": INK},
        "automargin": True,
        # A finger that scrolls the page must not zoom the plot.
        "fixedrange": True,
        **settings,
    }


def percent_axis(title: str = "", **settings: Any) -> Json:
    """Make an axis from 0% to 100% of a fraction."""
    ticks = [0, 0.25, 0.5, 0.75, 1]
    labels = ["0", "25", "50", "75", "100%"]
    return axis(title, range=[-0.05, 1.07], tickvals=ticks, ticktext=labels, **settings)


def size_axis(sizes: Sequence[int], labels: Sequence[str]) -> Json:
    """Make a logarithmic axis that names exactly the sizes that were trained."""
    ends = [log10(min(sizes)) - 0.15, log10(max(sizes)) + 0.15]
    return axis(
        "Parameters (log scale)",
        type="log",
        range=ends,
        tickvals=list(sizes),
        ticktext=list(labels),
        tickangle=0,
    )


def layout(xaxis: Json, yaxis: Json, height: int = 280, **settings: Any) -> Json:
    """Make a panel's layout; `settings` are Plotly's own."""
    return {
        "xaxis": xaxis,
        "yaxis": yaxis,
        "height": height,
        "margin": {"l": 8, "r": 14, "t": 10, "b": 8},
        "font": {"family": FONT, "size": 12, "color": INK},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "showlegend": False,
        "hovermode": "closest",
        "dragmode": False,
        "hoverlabel": {"bgcolor": "#ffffff", "bordercolor": "#b9bfc9", "font": {"family": FONT, "color": INK}},
        **settings,
    }


def row_axis(labels: list[str]) -> Json:
    """Make a vertical axis with a row for each label, the first on top."""
    places = list(range(len(labels)))
    return axis("", tickvals=places, ticktext=labels, range=[len(labels) - 0.45, -0.6], gridcolor="rgba(0,0,0,0)")
