"""`dormouse status` and `dormouse ls`: what is in the store."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from dormouse.cli.arguments import Choice
from dormouse.cli.console import out, print_json, print_line, table
from dormouse.plan import build_plan
from dormouse.stage import Stage
from dormouse.store import Store

STATES = ("done", "running", "failed", "to do")


def state(stage: Stage, store: Store) -> str:
    """Return one of `STATES`."""
    if store.has(stage):
        return "done"
    if store.is_busy(stage):
        return "running"
    return "failed" if store.failure(stage) else "to do"


def cell(labels: dict[str, Any]) -> str:
    """Return the labels of a stage in a few words: "200000 · seed 0 · organism · cot · rl · dose 0.5"."""
    words = [str(labels["size"])] if labels.get("size") is not None else []
    words += [f"seed {labels['seed']}"] if "seed" in labels else []
    words += [str(labels[key]) for key in ("role", "split") if labels.get(key)]
    words += [labels["reasoning"]] if labels.get("reasoning", "normal") != "normal" else []
    if labels.get("safety", "none") != "none":
        words.append(str(labels["safety"]))
        words += [f"dose {labels['dose']:g}"] if labels.get("dose", 1) != 1 else []
    words += [labels["detector"]] if labels.get("detector") else []
    words += ["re-emergence"] if labels.get("re_emergence") else []
    words += [str(labels["variant"])] if labels.get("variant") else []
    return " · ".join(words)


def status(choice: Choice, *, as_json: bool) -> None:
    """Count the stages of a plan by kind and state, and say why one failed."""
    stages = build_plan(choice.experiment).stages
    states = {stage.name: state(stage, choice.store) for stage in stages}
    if as_json:
        print_json(
            {
                "experiment": choice.experiment.name,
                "counts": {name: list(states.values()).count(name) for name in STATES},
                "stages": [{**described(stage), "state": states[stage.name]} for stage in stages],
            }
        )
        return
    counts = Counter((stage.kind, states[stage.name]) for stage in stages)
    shown = table("stage", *STATES, right=STATES)
    for kind in dict.fromkeys(stage.kind for stage in stages):
        shown.add_row(kind, *(str(counts[kind, name] or "·") for name in STATES))
    print_line(f"{choice.experiment.name}: {len(stages)} stages")
    out().print(shown)
    for stage in stages:
        failure = choice.store.failure(stage)
        if states[stage.name] == "failed" and failure:
            print_line(f"{stage.name} ({cell(stage.labels)}) failed: {failure.message}", "red")


def described(stage: Stage) -> dict[str, Any]:
    """Return a stage for machines."""
    return {"name": stage.name, "kind": stage.kind, "key": stage.key, "labels": stage.labels}


def list_artifacts(root: Path, *, as_json: bool) -> None:
    """List every finished artifact, its place in its plan, and what it cost."""
    store = Store(root)
    names = store.names()
    manifests = {name: store.manifest(name) for name in names}
    if as_json:
        print_json([{"name": name, **_summary(manifest)} for name, manifest in manifests.items()])
        return
    if not names:
        print_line(f"Nothing is finished in '{root}'. Make something with: dormouse run")
        return
    shown = table("artifact", "what", "seconds", "MB", right=("seconds", "MB"))
    for name, manifest in manifests.items():
        summary = _summary(manifest)
        shown.add_row(name, cell(manifest["labels"]), f"{summary['seconds']:.0f}", f"{summary['bytes'] / 1e6:.1f}")
    out().print(shown)


def _summary(manifest: dict[str, Any]) -> dict[str, Any]:
    kept = {key: manifest[key] for key in ("kind", "key", "labels", "seconds")}
    return kept | {"bytes": sum(file["bytes"] for file in manifest["files"].values())}
