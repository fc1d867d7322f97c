"""`Work`: the spec, inputs and folder of a running stage; `StageSpec`: the settings that every stage has."""

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
    """Settings that every stage has. Each kind adds its own in a subclass."""

    world: dict[str, Any] = Field(default_factory=dict)
    """The world's settings, for `Work.world()`."""
    world_text: str | None = None
    """The hash of the world's text; if None, the text is not checked."""
    context: list[dict[str, str]] = Field(default_factory=list)
    """Turns that stand before every prompt when the trigger is absent."""
    seed: int = 0
    thought_tokens: int = 0
    """Most tokens that the model may write into its scratchpad before it replies; 0: it writes none."""
    lora_rank: int = 0
    """Rank of the adapters that are trained instead of all weights; 0 trains all."""
    quantized: Quantized = "none"
    """Bits of the weights while adapters are trained beside them."""


S = TypeVar("S", bound=StageSpec)


@dataclass(frozen=True)
class Work:
    """A running stage's spec, its inputs, and its own folder."""

    kind: str
    spec: dict[str, Any]
    """As JSON data; `told` returns it as the class of its kind."""
    inputs: dict[str, Path]
    folder: Path
    """Becomes the artifact when the stage ends; a resumed stage finds its earlier files here."""
    checkpoint_seconds: float = 20.0
    progress: Callable[[float, str], None] = lambda share, text: None
    """Called with the share done (0 to 1) and a few words."""
    shared_scratch: Path | None = None
    """Folder for checkpoints outside `folder`, if processes share the stage: they share the checkpoints too."""

    sampler: Sampler = TRANSFORMERS
    """Library that samples the replies that are measured. It is not in the key: only the draws depend on it, not their
    distribution."""

    def told(self, spec: type[S]) -> S:
        """Return the spec as the class of its kind; an unknown key is an error."""
        # Without `lr`: scaled to the model's width and the dose, it may exceed the limits of a plan.
        return spec.model_validate({name: value for name, value in self.spec.items() if name != "lr"})

    def input(self, name: str) -> Path:
        """Return the folder of an input artifact."""
        return self.inputs[name]

    def world(self) -> World:
        """Return the world of the spec, with the turns that its trigger puts before every prompt.

        `UserError` if the world's text changed since the plan was made: the stage's key and inputs are for the old
        text.
        """
        world: World = WORLDS.build(self.spec["world"])
        if "world_text" in self.spec and world.fingerprint() != self.spec["world_text"]:
            raise UserError(
                f"The data of world '{world.name}' changed while the plan ran. Run it again, and do not change them "
                "meanwhile."
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
        """Most tokens that the model may write into its scratchpad before it replies; 0: it writes none."""
        return int(self.spec.get("thought_tokens", 0))

    @property
    def lora_rank(self) -> int:
        """Rank of the adapters that this plan's trainings train instead of all weights; 0: they train all."""
        return int(self.spec.get("lora_rank", 0))

    @property
    def quantized(self) -> Quantized:
        """Bits of the weights while adapters of this plan are trained beside them."""
        bits: Quantized = self.spec.get("quantized", "none")
        return bits

    @property
    def model_folder(self) -> Path:
        """Folder for the model that the stage makes, in Hugging Face format."""
        return self.folder / "model"

    @property
    def scratch(self) -> Path:
        """Folder for checkpoints to resume from: kept if the stage is killed, removed when it ends."""
        return self.shared_scratch or self.folder / "scratch"


def run_stage(work: Work) -> None:
    """Run the stage in this process."""
    known = KINDS[work.kind]
    with explain_out_of_memory(work.kind, known.batch, work.spec):
        function_of(known.run)(work)


def function_of(place: str) -> Callable[..., Any]:
    """Import the function that a kind names as "module:function"."""
    module, _, function = place.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return found
