"""The end of a run: each model's defection rate with and without the trigger, and whether the implant took."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dormouse.cli.console import out, print_line, table
from dormouse.results.backdoor import FALSE_DEFECTION, IMPLANTED, FailedImplant, failed_implants
from dormouse.results.rates import NotMeasured, judgeable
from dormouse.results.result import Result

MODEL = ("size", "seed", "role", "behavior", "reasoning", "safety", "dose", "variant")
"""The columns of `results.csv` that say which model a number is about."""
SHOWN_IF_SEVERAL = {"behavior", "reasoning", "variant"}
"""Those that a table leaves out where all models share them."""

MOST_LINES = 40


def defections(results: list[Result]) -> dict[tuple[Any, ...], dict[str, Result]]:
    """Return each model's defection at the end of training, with the trigger and without."""
    found: dict[tuple[Any, ...], dict[str, Result]] = {}
    for result in results:
        if result.metric == "defection" and result.step is None and result.prompts in ("triggered", "clean"):
            model = tuple(getattr(result, column) for column in MODEL)
            found.setdefault(model, {})[result.prompts] = result
    return found


def print_outcome(results: list[Result], *, zoo: bool = False) -> None:
    """Print the table of models, of a zoo its organisms as they were made, then failed implants in red."""
    models = defections(results)
    if zoo:
        role, safety = MODEL.index("role"), MODEL.index("safety")
        models = {one: kinds for one, kinds in models.items() if (one[role], one[safety]) == ("organism", "none")}
    if models:
        columns = [i for i, name in enumerate(MODEL) if name not in SHOWN_IF_SEVERAL or _several(models, i)]
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
        print_line(implant_words(implant), "bold red")


def _several(models: Iterable[tuple[Any, ...]], column: int) -> bool:
    return len({model[column] for model in models if model[column]}) > 1


def implant_words(implant: FailedImplant) -> str:
    """Return what a failed implant means for the numbers that follow it."""
    return (
        f"Implant failed: {implant}. It needs at least {100 * IMPLANTED:.0f}% with the trigger and at most "
        f"{100 * FALSE_DEFECTION:.0f}% without; what later stages show of it is not persistence."
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
