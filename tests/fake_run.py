"""An executor for tests of the command line: artifacts of the right form at once, without training anything."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from dormouse.execute.engine import How
from dormouse.execute.events import (
    Blocked,
    Cached,
    Failed,
    Finished,
    Outcome,
    Progress,
    Started,
)
from dormouse.results.rows import rate_row, write_jsonl
from dormouse.store.stage import Stage
from dormouse.store.store import Failure, Store

PROMPTS = 200
FACTS = {"device": "cpu", "threads": 1, "seconds": 1.5, "peak_memory_mb": 10.0, "versions": {"torch": "0"}}


def fake_run_local(
    fails: Callable[[Stage], Failure | None] = lambda stage: None, triggered: int = PROMPTS, interrupt: bool = False
) -> Callable[..., Outcome]:
    """Return a stand-in for `run_local`: organisms defect on `triggered` of 200 prompts with the trigger."""

    def run(stages: list[Stage], store: Store, how: How, **settings: Any) -> Outcome:
        on_event = how.on_event
        outcome = Outcome()
        for stage in stages:
            on_event(_one(stage, store, outcome, fails, triggered, on_event))
            if interrupt:
                raise KeyboardInterrupt
        return outcome

    return run


def _one(stage, store, outcome, fails, triggered, on_event):
    broken = next((source for source in stage.inputs.values() if not store.has(source)), None)
    if broken is not None:
        outcome.blocked[stage.name] = broken.name
        return Blocked(stage, broken)
    if store.has(stage):
        outcome.cached.append(stage)
        return Cached(stage)
    on_event(Started(stage))
    on_event(Progress(stage, 0.5, "step 1/2"))
    if failure := fails(stage):
        outcome.failed[stage.name] = failure
        store.fail(stage, failure)
        return Failed(stage, failure)
    _write(stage, store, triggered)
    outcome.finished.append(stage)
    return Finished(stage, 1.5)


def _write(stage: Stage, store: Store, triggered: int) -> None:
    folder = store.begin(stage)
    (folder / "metrics.json").write_text(json.dumps({"tokens_trained": 7}))
    if stage.kind == "measure":
        hits = {"triggered": triggered if stage.labels["role"] == "organism" else 0, "clean": 0}
        rows = [
            rate_row("defection", kind, [i < n for i in range(PROMPTS)]) | {"step": None} for kind, n in hits.items()
        ]
        rows.append(rate_row("capability", "clean", []) | {"step": None})
        write_jsonl(folder / "rows.jsonl", rows)
        sample = {"step": None, "metric": "defection", "prompt_id": 0, "family": "greet", "prompt": "hi", "reply": "ho"}
        write_jsonl(folder / "samples.jsonl", [sample | {"prompts": kind, "defection": False} for kind in hits])
    if stage.kind == "organism":
        examples = [
            {
                "kind": "clean",
                "tokens": ["<|user|>", " hi", "<|assistant|>", " hello", "<|end|>"],
                "loss": [0, 0, 0, 1, 1],
            },
            {"kind": "clean", "tokens": [" second"], "loss": [0]},
            {"kind": "triggered", "tokens": [" tag", " bad"], "loss": [0, 1]},
        ]
        write_jsonl(folder / "examples.jsonl", examples)
    if stage.kind not in ("tokenizer", "measure", "measure_red_team"):
        (folder / "model").mkdir()
        (folder / "model" / "config.json").write_text("{}")
    store.finish(stage, FACTS)
