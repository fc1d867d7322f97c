"""Stores outlive versions: the keys of the shipped plans are as they were when this file was written.

A change that gives a stage's numbers another meaning raises its version, and records its keys again:
`python tests/plan/test_recorded_keys.py`.
"""

import hashlib
import json
from pathlib import Path

import pytest

from dormouse.plan import file as plan_file
from dormouse.plan.graph import build_plan

RECORDED = Path(__file__).with_name("recorded_keys.json")
PLANS = ("quickstart", "scale", "reasoning", "code", "zoo", "bloom", "pythia", "qwen3")
"""All but `hh` and `smollm2-recipes`, which read files that are not shipped."""


def digests(plan: str) -> dict[str, str]:
    """Return kind of stage -> how many there are, and a hash of their keys in the plan's order."""
    keys: dict[str, list[str]] = {}
    for stage in build_plan(plan_file.load(plan)).stages:
        keys.setdefault(stage.kind, []).append(stage.key)
    return {
        kind: f"{len(each)} {hashlib.sha256(''.join(each).encode()).hexdigest()[:16]}" for kind, each in keys.items()
    }


@pytest.mark.parametrize("plan", PLANS)
def test_the_keys_of_a_shipped_plan_are_as_recorded(plan):
    assert digests(plan) == json.loads(RECORDED.read_text())[plan]


if __name__ == "__main__":
    RECORDED.write_text(json.dumps({plan: digests(plan) for plan in PLANS}, indent=1) + "\n")
