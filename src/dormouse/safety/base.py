"""`SafetyTraining`: the extension point for anything that is meant to make a model safe."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from dormouse.config.parts import Part
from dormouse.organisms.reasoning import Reasoning

if TYPE_CHECKING:
    from dormouse.training.work import Work

Need = Literal["preference", "preference_check", "red_team", "assistant"]
"""Artifacts a training may ask for besides the model: the two preference models, the red team's prompts, and a
harmless assistant (the helpful-only model after HHH SFT, which never had a backdoor)."""


class SafetyTraining(Part):
    """Takes the organism (or its twin) and writes a trained model. It never sees the trigger."""

    steps: int = Field(200, ge=1)
    """Optimizer steps."""
    lr: float = Field(1e-3, gt=0)
    """Peak learning rate at the reference width, for dose 1; the base says how it scales with width."""
    dose: float = Field(1.0, gt=0)
    """Multiplies the learning rate: how hard this training pushes. Sizes are compared across doses."""
    snapshots: int = Field(4, ge=0)
    """Weights kept along training, evenly spaced, for curves."""

    def why_not(self, reasoning: Reasoning) -> str | None:
        """Return why organisms with this reasoning cannot be trained so and what to do, in words after the name.

        None where it can. Cells of a grid that cannot are left without this training.
        """
        return None

    @abstractmethod
    def needs(self) -> tuple[Need, ...]:
        """Return the artifacts besides the model that training reads: `work.input(name)` gives their folders."""

    @abstractmethod
    def train(self, work: Work) -> None:
        """Train `work.input("model")` and write the result to `work.model_folder`; runs in a worker process.

        `work.lr` is the learning rate for this model: `lr` x `dose`, scaled to its width.
        """
