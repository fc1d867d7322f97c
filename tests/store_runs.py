"""Runs in a store that trained nothing, for tests of what is kept of them."""

from pathlib import Path

from dormouse.execute.compute import choose
from dormouse.execute.engine import How
from dormouse.execute.events import Outcome
from dormouse.plan import file as plan_file
from dormouse.plan.graph import build_plan
from dormouse.runs.folder import (
    begin,
    claim,
    publish,
    release,
    staged,
    write_end,
)
from dormouse.store.store import Store
from fake_run import fake_run_local

PLAN = "name: small\nbase: {size: 20000}\nsafety: {sft: sft}\nre_emergence: null\n"


def experiment(folder: Path, *overrides: str):
    path = folder / "small.yaml"
    path.write_text(PLAN)
    return plan_file.load(path, overrides)


def stages(settings):
    return build_plan(settings).stages


def run(store: Store, settings, *, finish: bool = True):
    """Do what a run does, but for the training; return its folder."""
    plan = build_plan(settings)
    begun = begin(settings, ["dormouse", "run"], choose(settings.execute, plan.sizes()))
    folder = claim(store, begun, plan)
    if finish:
        outcome: Outcome = fake_run_local()(plan.stages, store, How())
        with staged(folder) as staging:
            write_end(staging, begun, plan, store, outcome)
            staging.results.write_text("a table\n")
            publish(store, staging, folder, complete=True)
        release(store, folder)
    return folder
