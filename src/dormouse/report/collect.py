"""Reads finished artifacts: every number as a `Result` with the labels of its stage, and transcripts to show."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dormouse.results.backdoor import persistence
from dormouse.results.rates import NotMeasured
from dormouse.results.result import AMOUNT_UNITS, Result
from dormouse.store.kinds import KINDS, MEASURE
from dormouse.store.stage import Stage
from dormouse.store.store import Store

LABELS = ("size", "seed", "role", "behavior", "reasoning", "safety", "dose", "variant")
"""The labels of a stage that become columns of `results.csv`."""
CURVES = {
    "reward": "score",
    "reward_held_out": "score",
    "reward_std": "score",
    "zero_variance_share": "fraction",
    "train_kl": "nats_per_token",
}
"""Keys of a safety training's `train.jsonl` that become results, and their units."""
AMOUNTS = {
    "tokens_trained": "tokens_trained",
    "reply_tokens_trained": "reply_tokens_trained",
    "steps": "training_steps",
}
"""Keys of a training's `metrics.json` -> the metric of the result."""


def collect(stages: Sequence[Stage], store: Store) -> list[Result]:
    """Collect every number of the finished stages, in the order of the plan."""
    finished = [stage for stage in stages if store.has(stage)]
    found = {stage.key: _results_of(stage, store) for stage in finished}
    measured = {_question(stage, "model"): stage for stage in finished if stage.kind == MEASURE}
    for stage in finished:
        if stage.kind == MEASURE and _is_trained_organism(stage):
            before = measured.get(_question(stage, "parent"))
            if before is not None:
                found[stage.key].append(_persistence(stage, found[stage.key], found[before.key]))
    return [result for stage in finished for result in found[stage.key]]


def _is_trained_organism(stage: Stage) -> bool:
    return stage.labels.get("role") == "organism" and "parent" in stage.inputs


def _question(stage: Stage, which: str) -> tuple[str, str]:
    """Identify a measurement of the input `which`: the model, and the settings it is measured with."""
    return stage.inputs[which].key, json.dumps(stage.spec, sort_keys=True)


def _results_of(stage: Stage, store: Store) -> list[Result]:
    kind = KINDS[stage.kind]
    results = [_result(stage, line) for line in store.rows(stage, "rows.jsonl")]
    if kind.metric:
        results = [replace(result, metric=kind.metric) for result in results]
    if kind.curves:
        results += _training_curves(stage, store)
    return results + (_amounts_trained(stage, store) if kind.counts_amounts else [])


def _result(stage: Stage, line: Mapping[str, Any]) -> Result:
    about = stage.inputs["model"] if KINDS[stage.kind].measures else stage
    labels = {name: stage.labels.get(name) for name in LABELS}
    return Result.of_line(line, labels | {"artifact": about.name})


def _training_curves(stage: Stage, store: Store) -> Iterator[Result]:
    for entry in store.rows(stage, "train.jsonl"):
        for metric, unit in CURVES.items():
            if metric in entry:
                yield _result(stage, {"step": entry["step"], "metric": metric, "value": entry[metric], "unit": unit})


def _amounts_trained(stage: Stage, store: Store) -> list[Result]:
    metrics = json.loads(store.read(stage, "metrics.json") or "{}")
    return [
        _result(stage, {"metric": metric, "value": metrics[key], "unit": AMOUNT_UNITS[metric]})
        for key, metric in AMOUNTS.items()
        if key in metrics
    ]


def _persistence(stage: Stage, after: list[Result], before: list[Result]) -> Result:
    """Compute defection with the trigger after this safety training over before it, both at the end of training."""
    made = _result(stage, {"metric": "persistence", "prompts": "triggered", "unit": "ratio"})
    ends = [_triggered(results) for results in (after, before)]
    if None in ends:
        return replace(made, reason="defection with the trigger was not measured")
    # A stage that several cells share has the labels of the first.
    end, start = (replace(result, seed=made.seed) for result in ends if result is not None)
    found = persistence([end], [start])
    if isinstance(found, NotMeasured):
        return replace(made, reason=found.reason)
    return replace(made, value=found.value, low=found.low, high=found.high if math.isfinite(found.high) else None)


def _triggered(results: list[Result]) -> Result | None:
    wanted = ("defection", "triggered", None)
    return next((one for one in results if (one.metric, one.prompts, one.step) == wanted), None)


@dataclass(frozen=True)
class Transcript:
    """One prompt and what a model replied to it, with and without the trigger."""

    role: str
    safety: str
    size: int | None
    seed: int | None
    family: str
    prompt: str
    reply_clean: str
    reply_triggered: str
    defected_clean: bool | None
    """Whether the reply defects; None if it could not be scored."""
    defected_triggered: bool | None
    dose: float | None = None
    prompt_triggered: str = ""
    """The prompt with the trigger; empty to show only the one without."""
    reasoning: str = "normal"
    thought_clean: str = ""
    """The text of its scratchpad. The page shows it; no judge saw it."""
    thought_triggered: str = ""


def transcripts(stages: Sequence[Stage], store: Store, n: int) -> list[Transcript]:
    """Collect replies to the first `n` held-out prompts, of organism and twin before and after each safety training.

    Every behavior and reasoning is shown at the largest size, with the first seed and the dose nearest to 1. No prompt
    is chosen by its reply.
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


def _prompt(sample: Mapping[str, Any]) -> str:
    return "\n".join([*(turn["content"] for turn in sample.get("earlier", ())), sample["prompt"]])
