"""Puts sizes, percentages, intervals and model names into words."""

from __future__ import annotations

import math

from dormouse.report.estimates import Measured
from dormouse.results.rates import NotMeasured, Rate
from dormouse.results.result import Model
from dormouse.results.table import Results

DASH = "–"
MINUS = "−"

TRAINING_WORDS = {
    "none": "before",
    "sft_after": "SFT after the scratchpad",
    "adversarial": "adversarial training",
}
ABBREVIATIONS = ("sft", "rl")
ROLE_WORDS = {"base": "Base", "helpful": "Helpful-only", "organism": "Organism", "twin": "Twin"}


def size_words(size: int | None) -> str:
    """Write a parameter count: 370,000 is 0.37M."""
    if size is None:
        return "size unknown"
    for unit, scale in (("B", 1e9), ("M", 1e6)):
        if size >= scale / 20:
            return f"{_three_digits(size / scale)}{unit}"
    return f"{size:,}"


def _three_digits(number: float) -> str:
    digits = max(0, 2 - math.floor(math.log10(number))) if number < 100 else 0
    text = f"{number:.{min(digits, 2)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def training_words(name: str) -> str:
    """Return a safety training's or a removal's name for a label: "rl_flattered" is "RL flattered"."""
    if name in TRAINING_WORDS:
        return TRAINING_WORDS[name]
    return " ".join(word.upper() if word in ABBREVIATIONS else word for word in name.split("_"))


def role_words(role: str) -> str:
    """Return a role's name for a label."""
    return ROLE_WORDS.get(role, role or DASH)


def stage_words(model: Model, *, dose: bool = False, removal: bool = False) -> str:
    """Return "before" or "after RL", with the dose if asked. The dose of a removal is a strength."""
    if model.safety == "none":
        return "before" if model.role in ("organism", "twin") else "untrained"
    text = f"after {training_words(model.safety)}"
    amount = "strength" if removal else "dose"
    return f"{text}, {amount} {model.dose:g}" if dose and model.dose is not None else text


def treatment_words(results: Results) -> str:
    """Name the treatments of a run: "safety training", "removal", or both."""
    if not results.removals():
        return "safety training"
    return "safety training or removal" if results.trainings() else "removal"


def number(value: float, unit: str) -> str:
    """Write one number in its unit, rounded."""
    if unit in ("fraction", "ratio"):
        text = f"{100 * value:.1f}%"
    elif unit in ("points", "slope"):
        # Near zero the sign matters: -0.04 is not written as -0.0.
        text = f"{value:+.1f}" if abs(value) >= 0.05 else f"{round(value, 2) + 0.0:+.2g}"
    elif unit == "auroc":
        text = f"{value:.3f}"
    elif abs(value) >= 100:
        text = f"{value:,.0f}"
    elif value != 0 and abs(value) < 0.1:
        text = f"{value:.3f}"
    else:
        text = f"{value:.2f}"
    return text.replace("-", MINUS)


UNIT_WORDS = {
    "points": "points",
    "slope": "points per tenfold size",
    "nats_per_token": "nats/token",
    "deviations": "standard deviations",
}


def value_words(measured: Measured) -> str:
    """Write a number with its unit; a dash if it was not measured."""
    if isinstance(measured, NotMeasured):
        return DASH
    return f"{number(measured.value, measured.unit)} {UNIT_WORDS.get(measured.unit, '')}".strip()


def interval_words(measured: Measured) -> str:
    """Write the 95% interval as [low, high]; empty if there is none."""
    if isinstance(measured, NotMeasured) or measured.low is None:
        return ""
    high = "∞" if measured.high is None else number(measured.high, measured.unit)
    return f"[{number(measured.low, measured.unit).rstrip('%')}, {high.rstrip('%')}]"


def full_words(measured: Measured) -> str:
    """Write value and interval, for sentences."""
    return f"{value_words(measured)} {interval_words(measured)}".strip()


def share_words(rate: Rate) -> str:
    """Write "3 of 10"."""
    return f"{rate.hits} of {rate.total}"


def share_interval_words(rate: Rate) -> str:
    """Write a rate's 95% interval in percent, as [low, high]."""
    low, high = rate.interval
    return f"[{100 * low:.0f}, {100 * high:.0f}]%"


def count_words(n: int, noun: str) -> str:
    """Write "1 seed", "5 seeds"."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def sentence(text: str) -> str:
    """Put the first letter in upper case."""
    return text[:1].upper() + text[1:]


def list_words(items: list[str]) -> str:
    """Join with commas and a last "and"."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}" if items else ""


def duration_words(seconds: float) -> str:
    """Write "3.2 s", "52 s", "14 min" or "2.5 h"."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
