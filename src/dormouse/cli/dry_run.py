"""`--dry-run`: lists the stages that are done and those to run, with the disk space a run would need."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.table import Table

from dormouse.cli.arguments import Choice
from dormouse.cli.console import (
    out,
    print_json,
    print_line,
    table,
)
from dormouse.cli.shelf import describe_labels, refuse_damage, stage_record
from dormouse.execute.compute import choose as choose_compute
from dormouse.runs.disk_need import disk_need
from dormouse.store.stage import Stage
from dormouse.store.store import Store

MOST_LISTED = 1500
"""Most stages that a dry run lists one by one."""


@dataclass(frozen=True)
class Planned:
    """What a run would do with a stage."""

    cached: bool
    refused: str = ""
    """Why a run would stop at a damaged artifact."""

    def __str__(self) -> str:
        return "damaged" if self.refused else "cached" if self.cached else "to run"


TO_RUN = Planned(cached=False)
"""What most stages of a large plan are; one object, since the garbage collection looks through all there are."""


def print_dry_run(choice: Choice, *, as_json: bool, rebuild: bool) -> None:
    """List the stages of a plan and whether each is done; `UserError` if a run would stop at a damaged one."""
    plan = choice.plan()
    stages = plan.stages
    planned = _plan_stages(stages, choice.store, rebuild=rebuild)
    missing = [stage for stage in stages if not planned[stage.name].cached]
    workers = choose_compute(plan.experiment.execute, plan.sizes()).workers
    need = disk_need(missing, choice.store, workers)
    counts = {"stages": len(stages), "cached": len(stages) - len(missing), "to_run": len(missing)}
    if as_json:
        listed = [{**stage_record(stage), "cached": planned[stage.name].cached} for stage in stages]
        print_json({"experiment": choice.experiment.name, **counts, "disk": need.described(), "plan": listed})
    else:
        out().print(_list_stages(stages, planned) if len(stages) <= MOST_LISTED else _count_stages(stages, planned))
        print_line(f"A run {need}.")
        print_line(f"{counts['stages']} stages: {counts['cached']} cached, {counts['to_run']} to run. Nothing was run.")
    refuse_damage(one.refused for one in planned.values() if one.refused)


def _plan_stages(stages: Sequence[Stage], store: Store, *, rebuild: bool) -> dict[str, Planned]:
    # Lists the folders once, because most stages of a large plan were never begun.
    there, aside = set(store.names()), store.set_aside_names()
    return {stage.name: _plan_stage(stage, store, there, set() if rebuild else aside, rebuild) for stage in stages}


def _plan_stage(stage: Stage, store: Store, there: set[str], refused: set[str], rebuild: bool) -> Planned:
    if stage.name in there:
        damage = store.damage(stage, checksums_up_to=-1)
        if damage and not (rebuild and damage.spoiled):
            return Planned(cached=False, refused=str(damage))
        return Planned(cached=damage is None)
    return Planned(cached=False, refused=store.set_aside_words(stage)) if stage.name in refused else TO_RUN


def _list_stages(stages: Sequence[Stage], planned: Mapping[str, Planned]) -> Table:
    shown = table("stage", "what", "")
    for stage in stages:
        shown.add_row(stage.name, describe_labels(stage.labels), str(planned[stage.name]))
    return shown


def _count_stages(stages: Sequence[Stage], planned: Mapping[str, Planned]) -> Table:
    """Count stages by kind, since nobody reads thousands of lines; --json lists them all."""
    numbers = Counter(stage.kind for stage in stages)
    done = Counter(stage.kind for stage in stages if planned[stage.name].cached)
    shown = table("stage", "cached", "to run", right=("cached", "to run"))
    for kind, n in numbers.items():
        shown.add_row(kind, str(done[kind]), str(n - done[kind]))
    return shown
