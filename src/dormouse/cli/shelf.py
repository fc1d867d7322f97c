"""`dormouse status` and `dormouse ls`: list the stages of a plan, or the artifacts of a store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dormouse.cli.arguments import Choice
from dormouse.cli.console import (
    out,
    print_json,
    print_line,
    table,
)
from dormouse.errors import UserError
from dormouse.store.stage import Stage
from dormouse.store.store import Store

STATES = ("done", "running", "failed", "to do", "damaged")


@dataclass(frozen=True)
class Standing:
    """The state of a stage, one of `STATES`, with the reason if it failed or is damaged."""

    state: str
    words: str = ""
    """Why it failed, or how it is damaged."""


def find_standing(stage: Stage, store: Store) -> Standing:
    """Find the state of a stage; damage is judged by file sizes, not checksums."""
    if store.is_there(stage):
        damage = store.damage(stage, checksums_up_to=-1)
        return Standing("damaged", str(damage)) if damage else Standing("done")
    if store.is_busy(stage):
        return Standing("running")
    try:
        failure = store.failure(stage)
    except UserError as error:
        return Standing("damaged", str(error))
    return Standing("failed", failure.message) if failure else Standing("to do")


def describe_labels(labels: dict[str, Any]) -> str:
    """Describe the labels of a stage in a few words: "200000 · seed 0 · organism · cot · rl · dose 0.5"."""
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


def print_status(choice: Choice, *, as_json: bool) -> None:
    """Count the stages of a plan by kind and state, and print failures; `UserError` if one is damaged."""
    stages = choice.plan().stages
    found = {stage.name: find_standing(stage, choice.store) for stage in stages}
    if as_json:
        states = [one.state for one in found.values()]
        print_json(
            {
                "experiment": choice.experiment.name,
                "counts": {name: states.count(name) for name in STATES},
                "stages": [{**stage_record(stage), "state": found[stage.name].state} for stage in stages],
            }
        )
    else:
        _print_counts(choice.experiment.name, stages, found)
    refuse_damage(one.words for one in found.values() if one.state == "damaged")


def _print_counts(name: str, stages: list[Stage], found: dict[str, Standing]) -> None:
    counts = Counter((stage.kind, found[stage.name].state) for stage in stages)
    shown_states = [state for state in STATES if state != "damaged" or any(one == state for _, one in counts)]
    shown = table("stage", *shown_states, right=tuple(shown_states))
    for kind in dict.fromkeys(stage.kind for stage in stages):
        shown.add_row(kind, *(str(counts[kind, state] or "·") for state in shown_states))
    print_line(f"{name}: {len(stages)} stages")
    out().print(shown)
    for stage in stages:
        if found[stage.name].state == "failed":
            print_line(f"{stage.name} ({describe_labels(stage.labels)}) failed: {found[stage.name].words}", "red")


def refuse_damage(words: Iterable[str]) -> None:
    """Raise `UserError` with a sentence for each damaged thing."""
    if damaged := "\n".join(words):
        raise UserError(damaged)


def stage_record(stage: Stage) -> dict[str, Any]:
    """Return a stage as JSON data."""
    return {"name": stage.name, "kind": stage.kind, "key": stage.key, "labels": stage.labels}


def list_artifacts(root: Path, *, as_json: bool) -> None:
    """List every artifact with its labels and cost; `UserError` if one is damaged."""
    store = Store(root)
    names = store.names()
    damages = {name: store.damage(name, checksums_up_to=-1) for name in names}
    intact = {name: store.manifest(name) for name, damage in damages.items() if damage is None}
    if as_json:
        print_json(
            [
                {"name": name, **_summary(intact[name])} if name in intact else {"name": name, "damaged": str(damage)}
                for name, damage in damages.items()
            ]
        )
    elif names:
        _print_artifacts(names, intact)
    else:
        print_line(f"Store '{root}' has no finished artifact. Make some with: dormouse run")
    refuse_damage(str(damage) for damage in damages.values() if damage)


def _print_artifacts(names: list[str], intact: dict[str, dict[str, Any]]) -> None:
    shown = table("artifact", "what", "seconds", "MB", right=("seconds", "MB"))
    for name in names:
        if name in intact:
            summary = _summary(intact[name])
            words = (f"{summary['seconds']:.0f}", f"{summary['bytes'] / 1e6:.1f}")
            shown.add_row(name, describe_labels(summary["labels"]), *words)
        else:
            shown.add_row(name, "damaged", "", "", style="red")
    out().print(shown)


def _summary(manifest: dict[str, Any]) -> dict[str, Any]:
    kept = {key: manifest[key] for key in ("kind", "key", "labels", "seconds")}
    return kept | {"bytes": sum(file["bytes"] for file in manifest["files"].values())}
