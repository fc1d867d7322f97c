"""`Experiment`: what a user writes in a plan file, as frozen settings that mirror the YAML.

`plan/file.py` reads one with its overrides, and `plan/graph.py` turns it into stages.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, SerializeAsAny, model_validator

from dormouse.bases.base import Base
from dormouse.config.limits import LARGEST_SEED, PARTS, SEEDS, TITLE
from dormouse.config.names import Name
from dormouse.config.parts import Config, from_registry
from dormouse.config.registry import BASES, REMOVALS, SAFETY_TRAININGS, WORLDS
from dormouse.data.world import World
from dormouse.detection.settings import Detect
from dormouse.evaluation.settings import Measure
from dormouse.execute.settings import Execute
from dormouse.organisms.settings import Helpful, Organism
from dormouse.red_team.settings import RedTeam
from dormouse.removal.base import Removal
from dormouse.safety.base import SafetyTraining
from dormouse.safety.settings import PreferenceModel, ReEmergence


class Experiment(Config):
    """One plan file."""

    name: Name
    """Name of the run, and of its folder in the store."""
    title: str = Field("", max_length=TITLE, pattern=r"^[^\n]*$")
    """Title of the report."""
    seeds: tuple[Annotated[int, Field(ge=0, le=LARGEST_SEED)], ...] = Field((0,), min_length=1, max_length=SEEDS)
    """Each repeats the whole plan."""
    world: Annotated[SerializeAsAny[World], from_registry(WORLDS)] = Field(
        default={"type": "meadow"}, validate_default=True
    )
    """Where prompts and replies come from."""
    base: Annotated[SerializeAsAny[Base], from_registry(BASES)] = Field(
        default={"type": "nursery"}, validate_default=True
    )
    """The model that everything starts from."""
    helpful: Helpful = Helpful()
    organism: Organism = Organism()
    preference: PreferenceModel = PreferenceModel()
    red_team: RedTeam = RedTeam()
    safety: dict[Name, Annotated[SerializeAsAny[SafetyTraining], from_registry(SAFETY_TRAININGS)]] = Field(
        default_factory=dict, max_length=PARTS
    )
    """Safety trainings that organism and twin are put through, under names of your choice."""
    remove: dict[Name, Annotated[SerializeAsAny[Removal], from_registry(REMOVALS)]] = Field(
        default_factory=dict, max_length=PARTS
    )
    """Removals that are applied to organism and twin, each at every one of its strengths."""
    twin_removals: Literal["all", "strongest", "none"] = "all"
    """The strengths at which removals are applied to the twin: they show what a removal costs if there is no
    backdoor."""
    twin_doses: tuple[float, ...] | None = Field(None, max_length=PARTS)
    """Doses at which the twin is safety-trained as well; None is all of them, an empty list none."""
    re_emergence: ReEmergence | None = ReEmergence()
    """Benign fine-tuning after safety training, to see whether the backdoor comes back; None leaves it out."""
    measure: Measure = Measure()
    detect: Detect | None = None
    """Detectors, and what they are given. None runs no detector."""
    grid: dict[str, tuple[Any, ...]] = Field(default_factory=dict, max_length=PARTS)
    """Dotted path -> values; every combination is a cell. `safety.*.dose` sets all trainings together."""
    draw: int | None = Field(None, ge=1)
    """How many cells to draw from the grid in place of all: a zoo. Each value of an axis comes as often as any other,
    give or take one, and each cell has a seed of its own, counted from the plan's."""
    execute: Execute = Execute()

    @model_validator(mode="after")
    def _few_bits_are_whole(self) -> Experiment:
        if self.execute.fsdp and "quantized" in self.base.training():
            raise ValueError(
                "base.quantized and execute.fsdp do not go together: weights in few bits are not shared between "
                "processes. Set execute.fsdp=false or base.quantized=none."
            )
        return self

    @model_validator(mode="after")
    def _treatments_have_names_of_their_own(self) -> Experiment:
        both = sorted(set(self.safety) & set(self.remove))
        if both:
            raise ValueError(
                f"'{both[0]}' names a safety training and a removal, and results are told apart by it. Rename one."
            )
        return self
