"""Settings of how stages run. None of them changes a result."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from dormouse.config.parts import Config
from dormouse.models.settings import SamplerName


class Execute(Config):
    """How the stages run; nothing here enters a stage's key."""

    on: Literal["local", "ray"] = "local"
    """This machine, or a Ray cluster."""
    address: str | None = None
    """Address of the Ray cluster. None takes RAY_ADDRESS, or starts a cluster on this machine."""
    workers: int | None = Field(None, ge=1)
    """Parallel processes; None takes one per core. A cluster decides by its cores."""
    ranks: int = Field(1, ge=1)
    """Processes that share each training, through `accelerate launch`: GPUs, or cores where there are none."""
    fsdp: bool = False
    """Whether ranks share the weights too (FSDP2), for models that fit on one GPU and cannot be trained there."""
    sampler: SamplerName = "auto"
    """What draws the replies that are measured. `auto` takes vLLM where it is installed, for large models on a GPU."""
    sampler_memory: float = Field(0.5, gt=0, lt=1)
    """Share of the GPU's memory that vLLM may fill; the rest holds the model for log-probabilities."""
    checkpoint_seconds: float = Field(10.0, gt=0)
    """How often a training stage writes what a killed run resumes from."""
