"""A real plan that runs in seconds: every kind of stage that most plans have, on a model of 0.03 M parameters."""

from __future__ import annotations

from pathlib import Path

from dormouse.store.store import Store
from faults.tried import dormouse

PLAN = """\
name: tiny
base: {size: 30_000, steps: 20, batch: 8}
helpful: {steps: 4, batch: 8}
organism: {implant: {steps: 6, batch: 8}}
preference: {steps: 3, batch: 8}
red_team: {rounds: 1, proposals: 8, replies: 2, proposers: [grammar]}
safety:
  sft: {steps: 3, batch: 8}
  rl: {type: rl, steps: 2, batch: 16}
re_emergence: {steps: 3, batch: 8}
measure: {prompts: 24, capability_prompts: 24, red_team_prompts: 8, probe_prompts: 4, curve_prompts: 8, reply_tokens: 8}
execute: {checkpoint_seconds: 0.2}
"""


def write_plan(folder: Path, text: str = PLAN) -> Path:
    """Write the plan file and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "tiny.yaml"
    path.write_text(text)
    return path


def finished(folder: Path) -> tuple[Path, Store]:
    """Return the plan file and a store in which it ran to its end."""
    plan, store = write_plan(folder), folder / "finished"
    ended = dormouse("run", plan, "--store", store, seconds=600)
    assert ended.status == 0, ended.stderr
    return plan, Store(store)


def results(store: Path) -> Path:
    """Return where the plan's table is."""
    return store / "runs" / "tiny" / "results.csv"
