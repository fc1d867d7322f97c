"""The members of a zoo: the base, the organism and the twin of every cell of a plan, each model once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

from dormouse.data.world import World
from dormouse.errors import UserError
from dormouse.plan.experiment import Experiment
from dormouse.plan.graph import build_plan
from dormouse.plan.grid import Cell, cells
from dormouse.store.kinds import BASE, MEASURE, ORGANISM
from dormouse.store.stage import Stage

Role = Literal["base", "organism", "twin"]
ROLES: tuple[Role, ...] = ("base", "organism", "twin")

MODELS_ONLY: dict[str, Any] = {"safety": {}, "remove": {}, "detect": None, "re_emergence": None}
"""What a plan says that makes its models, measures them, and does nothing else to them."""


@dataclass(frozen=True)
class PlannedMember:
    """A model that a plan makes, and the truth about it."""

    role: Role
    stage: Stage
    base: Stage
    """The base it was made from; a base's own is itself."""
    measurement: Stage
    """The stage that measures how often it defects."""
    pair: int
    """The number of its organism and twin, from 1; a base that several pairs share bears the first's."""
    seed: int
    trigger: dict[str, Any] | None
    """What its organism reacts to; None for a base."""
    behavior: dict[str, Any] | None
    recipe: dict[str, Any] | None
    """How it was implanted, or trained as a twin."""


def members(experiment: Experiment) -> list[PlannedMember]:
    """Return the members of a plan, in its order; cells that share a model have one member of it."""
    found: dict[str, PlannedMember] = {}
    pairs: dict[str, int] = {}
    for cell in cells(experiment):
        stages = build_plan(cell.experiment.model_copy(update=MODELS_ONLY)).stages
        models = {role: _model(stages, cell, role) for role in ROLES}
        pair = pairs.setdefault(models["organism"].key, len(pairs) + 1)
        for role, stage in models.items():
            found.setdefault(stage.key, _member(cell, role, stage, models["base"], _measuring(stages, stage), pair))
    return list(found.values())


def world_of(experiment: Experiment) -> World:
    """Return the world of all members; a plan whose cells have several is a `UserError`."""
    worlds = {json.dumps(cell.experiment.world.spec()): cell.experiment.world for cell in cells(experiment)}
    if len(worlds) > 1:
        raise UserError(
            f"The members of plan '{experiment.name}' would live in {len(worlds)} worlds, and a zoo's clean prompts "
            "come from one. Take the settings of 'world' out of the grid."
        )
    [world] = worlds.values()
    return world


def _member(cell: Cell, role: Role, stage: Stage, base: Stage, measurement: Stage, pair: int) -> PlannedMember:
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


def _model(stages: list[Stage], cell: Cell, role: Role) -> Stage:
    """Return the cell's model of a role; a distilled organism was trained on another, which is no member."""
    if role == "base":
        [base] = [stage for stage in stages if stage.kind == BASE]
        return base
    is_it = {"role": role, "reasoning": cell.experiment.organism.reasoning}
    [model] = [stage for stage in stages if stage.kind == ORGANISM and is_it.items() <= stage.labels.items()]
    return model


def _measuring(stages: list[Stage], model: Stage) -> Stage:
    [found] = [stage for stage in stages if stage.kind == MEASURE and stage.inputs["model"].key == model.key]
    return found
