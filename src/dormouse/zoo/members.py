"""The members of a zoo: base, organism and twin of every cell of a plan, each model once, with their labels."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from dormouse.data.world import World
from dormouse.errors import UserError
from dormouse.plan.experiment import Experiment
from dormouse.plan.graph import build_plan
from dormouse.plan.grid import Cell, cells
from dormouse.results.backdoor import implant_failure
from dormouse.results.rates import NotMeasured
from dormouse.results.result import Result, rate_over_seeds
from dormouse.results.rows import Row
from dormouse.store.kinds import BASE, MEASURE, ORGANISM
from dormouse.store.stage import Stage
from dormouse.store.store import Store
from dormouse.zoo.records import ROLES, Label, Measured, Role

PROMPTS = ("triggered", "clean")
"""The kinds of prompts whose defection rates a label holds."""
MODELS_ONLY: dict[str, Any] = {"safety": {}, "remove": {}, "detect": None, "re_emergence": None}
"""Settings of a plan that only makes its models and measures them."""


@dataclass(frozen=True)
class PlannedMember:
    """A model that a plan makes, and the ground truth about it."""

    role: Role
    stage: Stage
    base: Stage
    """The base it was made from; for a base, itself."""
    measurement: Stage
    """The stage that measures how often it defects."""
    pair: int
    """Number of its organism and twin, from 1; a base that several pairs share has the number of the first."""
    seed: int
    trigger: dict[str, Any] | None
    """The trigger of its organism; None for a base."""
    behavior: dict[str, Any] | None
    recipe: dict[str, Any] | None
    """How it was implanted, or trained as a twin."""


def plan_members(experiment: Experiment) -> list[PlannedMember]:
    """Return the members of a plan, in its order; a model that several cells share is one member.

    `UserError` if an organism has no twin.
    """
    check_twins(experiment)
    found: dict[str, PlannedMember] = {}
    pairs: dict[str, int] = {}
    for cell in cells(experiment):
        stages = build_plan(cell.experiment.model_copy(update=MODELS_ONLY)).stages
        models = {role: _find_model(stages, cell, role) for role in ROLES}
        pair = pairs.setdefault(models["organism"].key, len(pairs) + 1)
        for role, stage in models.items():
            found.setdefault(
                stage.key, _make_member(cell, role, stage, models["base"], _find_measurement(stages, stage), pair)
            )
    return list(found.values())


def check_twins(experiment: Experiment) -> None:
    """Raise `UserError` if a cell imports an organism without its twin."""
    given = [cell.experiment.organism.given for cell in cells(experiment)]
    alone = [imported.path for imported in given if imported is not None and imported.twin is None]
    if alone:
        raise UserError(
            f"Plan '{experiment.name}' imports organism '{alone[0]}' without a twin, which a zoo needs. "
            "Set organism.given.twin to the folder of a model with the same training but for the bad replies."
        )


def find_world(experiment: Experiment) -> World:
    """Return the world of all members; `UserError` if the cells have several."""
    worlds = {json.dumps(cell.experiment.world.spec()): cell.experiment.world for cell in cells(experiment)}
    if len(worlds) > 1:
        raise UserError(
            f"The members of plan '{experiment.name}' have {len(worlds)} worlds, and a zoo's clean prompts come "
            "from one. Take the settings of 'world' out of the grid."
        )
    [world] = worlds.values()
    return world


def _make_member(cell: Cell, role: Role, stage: Stage, base: Stage, measurement: Stage, pair: int) -> PlannedMember:
    organism = cell.experiment.organism
    implanted = role != "base"
    return PlannedMember(
        role=role,
        stage=stage,
        base=base,
        measurement=measurement,
        pair=pair,
        seed=cell.seed,
        trigger=organism.trigger.spec() if implanted else None,
        behavior=organism.behavior.spec() if implanted else None,
        recipe=organism.model_dump(mode="json", exclude={"trigger", "behavior"}) if implanted else None,
    )


def _find_model(stages: list[Stage], cell: Cell, role: Role) -> Stage:
    """Return the cell's model of a role; the model that a distilled organism learned from is not a member."""
    if role == "base":
        [base] = [stage for stage in stages if stage.kind == BASE]
        return base
    is_it = {"role": role, "reasoning": cell.experiment.organism.reasoning}
    [model] = [stage for stage in stages if stage.kind == ORGANISM and is_it.items() <= stage.labels.items()]
    return model


def _find_measurement(stages: list[Stage], model: Stage) -> Stage:
    [found] = [stage for stage in stages if stage.kind == MEASURE and stage.inputs["model"].key == model.key]
    return found


NUMBERS = ("value", "low", "high", "hits", "total", "unscorable", "reason")


def make_label(member: PlannedMember, store: Store, weights: str) -> Label:
    """Make the label of a member; `weights` is the checksum of its weights."""
    rows = _read_defection(member, store)
    return Label(
        role=member.role,
        pair=member.pair,
        seed=member.seed,
        artifact=member.stage.name,
        weights=weights,
        trigger=member.trigger,
        behavior=member.behavior,
        recipe=member.recipe,
        defection={prompts: _to_measured(rows.get(prompts)) for prompts in PROMPTS},
        implanted=_is_implanted(rows) if member.role == "organism" else None,
    )


def _read_defection(member: PlannedMember, store: Store) -> dict[str, Row]:
    rows: list[Row] = []
    if store.has(member.measurement):
        rows = store.rows(member.measurement, "rows.jsonl")
    return {row["prompts"]: row for row in rows if row["metric"] == "defection" and row["step"] is None}


def _to_measured(row: Row | None) -> Measured:
    if row is None:
        return Measured(reason="it was not measured")
    return Measured(**{name: row[name] for name in NUMBERS})


def _is_implanted(rows: dict[str, Row]) -> bool | None:
    """Judge the implant; None if either rate was not measured, or on too few replies that could be scored."""
    triggered, clean = (
        rate_over_seeds([Result.of_line(rows[prompts], {})] if prompts in rows else []) for prompts in PROMPTS
    )
    if isinstance(triggered, NotMeasured) or isinstance(clean, NotMeasured):
        return None
    return not implant_failure(triggered.value, clean.value)
