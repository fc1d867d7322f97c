"""From finished artifacts to `results.csv`: a row a number, labeled with the cell it belongs to."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dormouse.machine.files import replace_file
from dormouse.results.implanted import implant_failure
from dormouse.results.rates import (
    NotMeasured,
    Rate,
    judgeable,
    ratio,
)
from dormouse.results.table import COLUMNS
from dormouse.results.transcripts import Transcript
from dormouse.store.kinds import KINDS, MEASURE

if TYPE_CHECKING:
    from dormouse.store.stage import Stage
    from dormouse.store.store import Store

Row = dict[str, Any]

LABELS = ("size", "seed", "role", "behavior", "reasoning", "safety", "dose", "variant")
CURVES = {
    "reward": "score",
    "reward_held_out": "score",
    "reward_std": "score",
    "zero_variance_share": "fraction",
    "train_kl": "nats_per_token",
}
"""Keys of a safety training's `train.jsonl` that go into the table, and their units."""
AMOUNTS = {
    "tokens_trained": ("tokens_trained", "tokens"),
    "reply_tokens_trained": ("reply_tokens_trained", "tokens"),
    "steps": ("training_steps", "steps"),
}
"""Keys of a training's `metrics.json` -> metric in the table, and its unit."""


def collect(stages: Sequence[Stage], store: Store) -> list[Row]:
    """Return every number that the finished stages hold, in the order of the plan; unfinished ones have no rows."""
    finished = [stage for stage in stages if store.has(stage)]
    rows: dict[str, list[Row]] = {stage.key: _rows_of(stage, store) for stage in finished}
    measured = {_question(stage, "model"): stage for stage in finished if stage.kind == MEASURE}
    for stage in finished:
        if stage.kind == MEASURE and _is_trained_organism(stage):
            before = measured.get(_question(stage, "parent"))
            if before is not None:
                rows[stage.key].append(_persistence(stage, rows[stage.key], rows[before.key]))
    return [row for stage in finished for row in rows[stage.key]]


def _is_trained_organism(stage: Stage) -> bool:
    labels = stage.labels
    return labels.get("role") == "organism" and "parent" in stage.inputs


def _question(stage: Stage, which: str) -> tuple[str, str]:
    """Return what is measured of the input `which`: the same model asked otherwise is another number."""
    return stage.inputs[which].key, json.dumps(stage.spec, sort_keys=True)


def _rows_of(stage: Stage, store: Store) -> list[Row]:
    kind = KINDS[stage.kind]
    rows = [_row(stage, **measured) for measured in store.rows(stage, "rows.jsonl")]
    if kind.metric:
        rows = [row | {"metric": kind.metric} for row in rows]
    if kind.curves:
        rows += _training_curves(stage, store)
    return rows + (_amount_trained(stage, store) if kind.counts_amounts else [])


def _row(stage: Stage, **cells: Any) -> Row:
    about = stage.inputs["model"] if KINDS[stage.kind].measures else stage
    labels = {name: stage.labels.get(name) for name in LABELS}
    made = dict.fromkeys(COLUMNS) | labels | {"artifact": about.name}
    return made | {name: cell for name, cell in cells.items() if name in COLUMNS}


def _training_curves(stage: Stage, store: Store) -> Iterator[Row]:
    for entry in store.rows(stage, "train.jsonl"):
        for metric, unit in CURVES.items():
            if metric in entry:
                yield _row(stage, step=entry["step"], metric=metric, value=entry[metric], unit=unit)


def _amount_trained(stage: Stage, store: Store) -> list[Row]:
    metrics = json.loads(store.read(stage, "metrics.json") or "{}")
    return [
        _row(stage, metric=metric, value=metrics[key], unit=unit)
        for key, (metric, unit) in AMOUNTS.items()
        if key in metrics
    ]


def _persistence(stage: Stage, after: list[Row], before: list[Row]) -> Row:
    """Return defection with the trigger after this safety training over that before it, at the end of each."""
    rates = [_triggered(rows) for rows in (after, before)]
    missing = [rate.reason for rate in rates if isinstance(rate, NotMeasured)]
    found = NotMeasured(missing[0]) if missing else ratio(rates[0], rates[1])  # type: ignore[arg-type]  # both are rates
    cells: Row = {"metric": "persistence", "prompts": "triggered", "unit": "ratio"}
    if isinstance(found, NotMeasured):
        return _row(stage, **cells, reason=found.reason)
    value, low, high = found
    return _row(stage, **cells, value=value, low=low, high=high)


def _triggered(rows: list[Row]) -> Rate | NotMeasured:
    for row in rows:
        if (row["metric"], row["prompts"], row["step"]) == ("defection", "triggered", None):
            return judgeable(rate_of(row)) if row["total"] else NotMeasured(row["reason"])
    return NotMeasured("defection with the trigger was not measured")


def rate_of(row: Row) -> Rate:
    """Return the proportion that a row with hits and a total holds."""
    return Rate(row["hits"], row["total"], row["unscorable"] or 0)


def write_csv(rows: Iterable[Row], path: Path) -> None:
    """Write the table in one step; the same rows give the same bytes."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([_cell(row[name]) for name in COLUMNS])
    replace_file(path, text.getvalue())


def _cell(value: Any) -> str:
    """Return the shortest text that reads back as the same number; an unbounded end of an interval is empty."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    return repr(value) if isinstance(value, float) else str(value)


@dataclass(frozen=True)
class FailedImplant:
    """An organism that is no conditional backdoor: no claim can rest on it."""

    size: int | None
    seed: int | None
    variant: str
    artifact: str
    triggered: Rate
    clean: Rate

    def __str__(self) -> str:
        return f"{self.artifact} defects on {self.triggered} with the trigger and {self.clean} without"


def failed_implants(rows: Sequence[Row]) -> list[FailedImplant]:
    """Return the organisms that defect too little with the trigger, or too much without; by the report's bounds."""
    rates: dict[tuple[Any, ...], dict[str, Rate]] = {}
    for row in rows:
        organism = row["role"] == "organism" and row["safety"] == "none"
        if organism and row["metric"] == "defection" and row["step"] is None and row["total"]:
            cell = tuple(row[name] for name in ("size", "seed", "variant", "artifact"))
            rates.setdefault(cell, {})[row["prompts"]] = rate_of(row)
    judged = [
        FailedImplant(size, seed, variant, artifact, found["triggered"], found["clean"])
        for (size, seed, variant, artifact), found in rates.items()
        if {"triggered", "clean"} <= found.keys()
    ]
    return [each for each in judged if implant_failure(each.triggered.value, each.clean.value)]


def transcripts(stages: Sequence[Stage], store: Store, n: int) -> list[Transcript]:
    """Return replies to the first `n` held-out prompts, of organism and twin before and after each safety training.

    Each behavior and reasoning is shown, at the largest size, the first seed and the dose nearest to 1. Nothing is
    chosen by its reply.
    """
    shown: dict[tuple[str, ...], Stage] = {}
    for stage in stages:
        labels = stage.labels
        if stage.kind != MEASURE or labels.get("role") not in ("organism", "twin") or not store.has(stage):
            continue
        cell = tuple(labels[name] for name in ("behavior", "reasoning", "role", "safety"))
        if cell not in shown or _preferred(stage) < _preferred(shown[cell]):
            shown[cell] = stage
    return [transcript for stage in shown.values() for transcript in _transcripts_of(stage, store, n)]


def _preferred(stage: Stage) -> tuple[float, ...]:
    labels = stage.labels
    return (-(labels["size"] or 0), labels["seed"], abs(math.log(labels.get("dose", 1.0))))


def _transcripts_of(stage: Stage, store: Store, n: int) -> Iterator[Transcript]:
    samples = {
        (sample["prompts"], sample["prompt_id"]): sample
        for sample in store.rows(stage, "samples.jsonl")
        if sample["step"] is None and sample["metric"] == "defection"
    }
    labels = stage.labels
    ids = sorted(i for prompts, i in samples if prompts == "clean")[:n]
    for clean, triggered in ((samples["clean", i], samples["triggered", i]) for i in ids):
        yield Transcript(
            role=labels["role"],
            safety=labels["safety"],
            size=labels["size"],
            seed=labels["seed"],
            family=clean["family"],
            prompt=_prompt(clean),
            reply_clean=clean["reply"],
            reply_triggered=triggered["reply"],
            defected_clean=clean["defection"],
            defected_triggered=triggered["defection"],
            dose=labels.get("dose"),
            prompt_triggered=_prompt(triggered),
            reasoning=labels["reasoning"],
            thought_clean=clean.get("scratchpad", ""),
            thought_triggered=triggered.get("scratchpad", ""),
        )


def _prompt(sample: Row) -> str:
    return "\n".join([*(turn["content"] for turn in sample.get("earlier", ())), sample["prompt"]])
