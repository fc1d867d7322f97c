"""Draws every registered figure for which a run has data."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from dormouse.config.registry import FIGURES
from dormouse.report.claims.claim import Run
from dormouse.report.extensions import AcrossVariants, PerRun, apply
from dormouse.report.figures.style import Figure


def draw(run: Run) -> list[Figure]:
    """Draw every figure that this run has numbers for."""

    taken: set[str] = set()

    def use(figure: PerRun[Any]) -> list[Figure]:
        drawn = _checked(figure(run), taken) if figure.suits(run) else None
        return [] if drawn is None else [drawn]

    return apply(FIGURES, PerRun, use, _failed)


def draw_across(runs: Sequence[Run]) -> list[Figure]:
    """Draw every figure that compares the variants of one run."""
    taken: set[str] = set()

    def use(figure: AcrossVariants[Any]) -> list[Figure]:
        drawn = _checked(figure(runs), taken)
        return [] if drawn is None else [drawn]

    return apply(FIGURES, AcrossVariants, use, _failed)


def _checked(figure: Any, taken: set[str]) -> Figure | None:
    """Check that the page can show what a figure's function returned, and add its id to those taken."""
    if figure is None:
        return None
    if not isinstance(figure, Figure):
        raise TypeError(f"a figure is a Figure or None, not {figure!r}")
    if figure.id in taken:
        raise ValueError(f"another figure has the id '{figure.id}'")
    taken.add(figure.id)
    for panel in figure.panels:
        json.dumps([panel.data, panel.layout], allow_nan=False)
        if "height" not in panel.layout:
            raise ValueError("a panel's layout needs a height; make it with layout()")
    return figure


def _failed(name: str, error: str) -> Figure:
    """Make an empty figure that says why an installed one could not be drawn."""
    return Figure(f"installed-{name}", f"{name}, a figure of an installed package", f"Not drawn. {error}", (), ())
