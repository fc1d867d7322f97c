"""`Work`: what a running stage may touch, and `StageSpec`: what it is told."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field

from dormouse.config.parts import Config
from dormouse.config.registry import WORLDS
from dormouse.data.world import World, WorldInContext
from dormouse.errors import UserError
from dormouse.machine.gpu_memory import explain_out_of_memory
from dormouse.models.settings import TRANSFORMERS, Quantized, Sampler
from dormouse.store.kinds import KINDS


class StageSpec(Config):
    """What every stage is told. Each kind adds its own settings in a class of its own."""

    world: dict[str, Any] = Field(default_factory=dict)
    """The world's settings, for `Work.world()`."""
    world_text: str | None = None
    """The hash of the world's text; None is not checked."""
    context: list[dict[str, str]] = Field(default_factory=list)
    """What the trigger puts before every prompt where it is absent."""
    seed: int = 0
    thought_tokens: int = 0
    """How many tokens the model may think in its scratchpad before it replies; 0: it does not think."""
    lora_rank: int = 0
    """Rank of the adapters that are trained in place of all weights; 0 trains all."""
    quantized: Quantized = "none"
    """The bits that weights are kept in while adapters are trained beside them."""


S = TypeVar("S", bound=StageSpec)


@dataclass(frozen=True)
class Work:
    """What a running stage may touch: its spec, its inputs, and its own folder."""

    kind: str
    spec: dict[str, Any]
    """As JSON data; `told` returns it as the class of its kind."""
    inputs: dict[str, Path]
    folder: Path
    """Becomes the artifact when the stage ends; a resumed stage finds here what it left."""
    checkpoint_seconds: float = 20.0
    progress: Callable[[float, str], None] = lambda share, text: None
    """Called with the share done (0 to 1) and a few words."""
    shared_scratch: Path | None = None
    """Where checkpoints go, if not into the folder: processes that share a stage share them."""

    sampler: Sampler = TRANSFORMERS
    """What draws the replies that are measured; not in the key: the distribution is the same, the draws are not."""

    def told(self, spec: type[S]) -> S:
        """Return the spec as the class of its kind; a key that the class does not know is an error."""
        # Scaled to the model's width and the dose, the learning rate may lie outside what a plan may hold: see `lr`.
        return spec.model_validate({name: value for name, value in self.spec.items() if name != "lr"})

    def input(self, name: str) -> Path:
        """Return the folder of an input artifact."""
        return self.inputs[name]

    def world(self) -> World:
        """Return the world that the spec describes, in the context that its trigger gives to every prompt.

        One whose text changed since is a `UserError`: the stage's key, and what was made before it, say otherwise.
        """
        world: World = WORLDS.build(self.spec["world"])
        if "world_text" in self.spec and world.fingerprint() != self.spec["world_text"]:
            raise UserError(
                f"The data of world '{world.name}' were changed while the plan ran. Run it again, and leave them alone."
            )
        return WorldInContext.of(world, self.spec["context"]) if "context" in self.spec else world

    @property
    def seed(self) -> int:
        """The seed of the cell that the stage belongs to."""
        return int(self.spec["seed"])

    @property
    def lr(self) -> float:
        """The peak learning rate of this training, scaled to the model's width."""
        return float(self.spec["lr"])

    @property
    def thought_tokens(self) -> int:
        """How many tokens the model under work may think in its scratchpad before it replies; 0: it does not think."""
        return int(self.spec.get("thought_tokens", 0))

    @property
    def lora_rank(self) -> int:
        """Rank of the adapters that trainings of this plan train in place of all weights; 0: they train all."""
        return int(self.spec.get("lora_rank", 0))

    @property
    def quantized(self) -> Quantized:
        """The bits that weights are kept in while adapters of this plan are trained beside them."""
        bits: Quantized = self.spec.get("quantized", "none")
        return bits

    @property
    def model_folder(self) -> Path:
        """Where a stage that makes a model writes it, in Hugging Face format."""
        return self.folder / "model"

    @property
    def scratch(self) -> Path:
        """Checkpoints to resume from: kept when the stage is killed, removed when it ends."""
        return self.shared_scratch or self.folder / "scratch"


def run_stage(work: Work) -> None:
    """Run the stage in this process."""
    known = KINDS[work.kind]
    module, _, function = known.run.partition(":")
    with explain_out_of_memory(work.kind, known.batch, work.spec):
        getattr(importlib.import_module(module), function)(work)
