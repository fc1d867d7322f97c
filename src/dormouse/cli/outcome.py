"""The table at the end of a run: each model's defection rate with and without the trigger, and failed implants."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dormouse.cli.console import out, print_line, table
from dormouse.results.backdoor import FALSE_DEFECTION, IMPLANTED, FailedImplant, failed_implants
from dormouse.results.rates import NotMeasured, judgeable
from dormouse.results.result import Result

MODEL = ("size", "seed", "role", "behavior", "reasoning", "safety", "dose", "variant")
"""The columns of `results.csv` that identify a model."""
SHOWN_IF_SEVERAL = {"behavior", "reasoning", "variant"}
"""Columns that the table leaves out if all models share one value."""

MOST_LINES = 40


def find_defections(results: list[Result]) -> dict[tuple[Any, ...], dict[str, Result]]:
    """Collect each model's defection at the end of training, with the trigger and without."""
    found: dict[tuple[Any, ...], dict[str, Result]] = {}
    for result in results:
        if result.metric == "defection" and result.step is None and result.prompts in ("triggered", "clean"):
            model = tuple(getattr(result, column) for column in MODEL)
            found.setdefault(model, {})[result.prompts] = result
    return found


def print_outcome(results: list[Result], *, zoo: bool = False) -> None:
    """Print the table of models, then failed implants in red; for a zoo, only untrained organisms."""
    models = find_defections(results)
    if zoo:
        role, safety = MODEL.index("role"), MODEL.index("safety")
        models = {one: kinds for one, kinds in models.items() if (one[role], one[safety]) == ("organism", "none")}
    if models:
        columns = [i for i, name in enumerate(MODEL) if name not in SHOWN_IF_SEVERAL or _has_several(models, i)]
        names = [MODEL[i] for i in columns]
        shown = table(*names, "with trigger", "without", right=("size", "with trigger", "without"))
        for model, kinds in list(models.items())[:MOST_LINES]:
            words = ["" if model[i] is None else str(model[i]) for i in columns]
            shown.add_row(*words, _rate(kinds.get("triggered")), _rate(kinds.get("clean")))
        print_line("\nDefection rate [95% interval]", "bold")
        out().print(shown)
        if len(models) > MOST_LINES:
            print_line(f"... and {len(models) - MOST_LINES} more in results.csv")
    for implant in failed_implants(results):
        print_line(describe_failed_implant(implant), "bold red")


def _has_several(models: Iterable[tuple[Any, ...]], column: int) -> bool:
    return len({model[column] for model in models if model[column]}) > 1


def describe_failed_implant(implant: FailedImplant) -> str:
    """Explain what a failed implant means for later numbers."""
    return (
        f"Implant failed: {implant}. It needs at least {100 * IMPLANTED:.0f}% with the trigger and at most "
        f"{100 * FALSE_DEFECTION:.0f}% without. Later rates of this model say nothing about persistence."
    )


def _rate(result: Result | None) -> str:
    if result is None:
        return "–"
    rate = result.rate if isinstance(result.rate, NotMeasured) else judgeable(result.rate)
    if isinstance(rate, NotMeasured):
        return f"– ({rate.reason})" if rate.reason else "–"
    low, high = rate.interval
    left_out = f" ({rate.unscorable:,} of {rate.unscorable + rate.total:,} unscorable)" if rate.unscorable else ""
    return f"{100 * rate.value:.1f}% [{100 * low:.1f}, {100 * high:.1f}]{left_out}"
