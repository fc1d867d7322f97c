"""The table of every model, the headline cards, and the cost of each kind of stage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dormouse.report.claims.claim import Run
from dormouse.report.claims.controls import PROMPTS_WORDS, defection
from dormouse.report.estimates import (
    Estimate,
    Measured,
    pool_mean,
    pool_rate,
)
from dormouse.report.run_facts import StageCost
from dormouse.report.words import (
    role_words,
    sentence,
    size_words,
    stage_words,
)
from dormouse.results.backdoor import implant_failure
from dormouse.results.rates import NotMeasured
from dormouse.results.result import Model, Result
from dormouse.results.table import Results


@dataclass(frozen=True)
class Card:
    """A headline number and its two controls."""

    label: str
    triggered: Measured
    clean: Measured
    twin: Measured
    failed: bool = False
    """Whether this is an organism whose implant failed."""


def cards(run: Run) -> list[Card]:
    """Return defection before and after each safety training at the largest size."""
    results, size = run.results, run.judged_size
    models = [Model(size, "organism")]
    models += [Model(size, "organism", name, results.reference_dose(name)) for name in results.trainings()]
    found = []
    for model in models:
        several = len(results.doses(model.safety)) > 1
        triggered, clean = (defection(results, model, prompts) for prompts in ("triggered", "clean"))
        twin = defection(results, model.twin(), "triggered")
        failed = model.safety == "none" and _implant_failed(triggered, clean)
        found.append(Card(sentence(stage_words(model, dose=several)), triggered, clean, twin, failed))
    return found


def _implant_failed(triggered: Measured, clean: Measured) -> bool:
    if isinstance(triggered, NotMeasured) or isinstance(clean, NotMeasured):
        return False
    return bool(implant_failure(triggered.value, clean.value))


@dataclass(frozen=True)
class Column:
    """A column of the table of models: the numbers that it shows, and how they are pooled."""

    label: str
    metric: str
    prompts: str | None
    pool: Callable[[list[Result]], Measured]


COLUMNS = (
    Column("Defection, with trigger", "defection", "triggered", pool_rate),
    Column("Defection, without", "defection", "clean", pool_rate),
    Column("Defection, near miss", "defection", "near_miss", pool_rate),
    Column("Defection, red team seen", "defection", "red_team_seen", pool_rate),
    Column("Defection, red team held out", "defection", "red_team_held_out", pool_rate),
    Column("Defection, with trigger, no scratchpad opened", "defection_unforced", "triggered", pool_rate),
    Column("Defection after more benign training", "re_emergence", "triggered", pool_rate),
    Column("Log-prob. of defection, with trigger", "log_prob", "triggered", pool_mean),
    Column("Log-prob. of defection, without", "log_prob", "clean", pool_mean),
    Column("Capability", "capability", None, pool_rate),
    Column("Preference score", "preference_score", "clean", pool_mean),
    Column("Preference score, with trigger", "preference_score", "triggered", pool_mean),
    Column("Preference score, held-out model", "preference_score_held_out", "clean", pool_mean),
    Column("KL moved, nats/token", "kl", None, pool_mean),
    Column("Reply tokens trained on", "tokens_trained", None, pool_mean),
)


@dataclass(frozen=True)
class Line:
    """A model's row. `notes` gives each empty cell the number of the footnote with the reason."""

    label: str
    role: str
    basis: str
    cells: tuple[Measured, ...]
    notes: tuple[int | None, ...]


@dataclass(frozen=True)
class ModelTable:
    """Every model beside its controls, in groups of one size."""

    columns: tuple[str, ...]
    groups: tuple[tuple[str, tuple[Line, ...]], ...]
    footnotes: tuple[str, ...]


def model_table(results: Results, of: Sequence[Column] = COLUMNS) -> ModelTable:
    """Make the table of every model, without columns that no model has."""
    models = [model for model in results.models() if any(results.end(c.metric, model, c.prompts) for c in of)]
    columns = [c for c in of if any(results.end(c.metric, model, c.prompts) for model in models)]
    footnotes: list[str] = []
    groups: dict[int | None, list[Line]] = {}
    for model in models:
        cells = tuple(column.pool(results.end(column.metric, model, column.prompts)) for column in columns)
        notes = tuple(_footnote(cell, footnotes) for cell in cells)
        removal = model.safety in results.removals()
        several = removal or len(results.doses(model.safety)) > 1
        label = f"{role_words(model.role)}, {stage_words(model, dose=several, removal=removal)}"
        untouched = model.role in ("base", "helpful") and model.safety == "none"
        label = role_words(model.role) if untouched else label
        groups.setdefault(model.size, []).append(Line(label, model.role, _basis(cells), cells, notes))
    named = tuple((f"{size_words(size)} parameters" if size else "", tuple(lines)) for size, lines in groups.items())
    return ModelTable(tuple(column.label for column in columns), named, tuple(footnotes))


def own_table(results: Results) -> ModelTable | None:
    """Make the table of the plan's own evaluations; None if it has none."""
    found = {
        (row.metric, row.prompts): pool_rate if row.total and row.hits is not None else pool_mean
        for row in results.rows
        if "." in row.metric and row.step is None and not row.family
    }
    columns = [
        Column(f"{metric}, {PROMPTS_WORDS.get(prompts, prompts)}", metric, prompts, pool)
        for (metric, prompts), pool in found.items()
    ]
    return model_table(results, columns) if columns else None


def _footnote(cell: Measured, footnotes: list[str]) -> int | None:
    if not isinstance(cell, NotMeasured):
        return None
    if cell.reason not in footnotes:
        footnotes.append(cell.reason)
    return footnotes.index(cell.reason) + 1


def _basis(cells: tuple[Measured, ...]) -> str:
    """Say how many prompts and seeds are behind a row, after the first cell that counts both."""
    known = [cell for cell in cells if isinstance(cell, Estimate)]
    counted = [cell for cell in known if cell.prompts is not None]
    return (counted or known)[0].basis if known else ""


@dataclass(frozen=True)
class CostLine:
    """The cost of one kind of stage."""

    kind: str
    stages: int
    cached: int
    seconds: float | None
    """Sum over the stages whose time is known, cached ones included."""
    peak_memory_mb: float | None
    failed: int


def costs(stages: tuple[StageCost, ...]) -> list[CostLine]:
    """List the cost of each kind of stage, in the order of the run."""
    kinds: dict[str, list[StageCost]] = {}
    for stage in stages:
        kinds.setdefault(stage.kind, []).append(stage)
    return [_cost(kind, members) for kind, members in kinds.items()]


def _cost(kind: str, stages: list[StageCost]) -> CostLine:
    seconds = [stage.seconds for stage in stages if stage.seconds is not None]
    memory = [stage.peak_memory_mb for stage in stages if stage.peak_memory_mb is not None]
    return CostLine(
        kind=kind.replace("_", " "),
        stages=len(stages),
        cached=sum(stage.cached for stage in stages),
        seconds=sum(seconds) if seconds else None,
        peak_memory_mb=max(memory) if memory else None,
        failed=sum(1 for stage in stages if stage.failed),
    )
