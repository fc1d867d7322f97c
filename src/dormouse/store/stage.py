"""A stage: a pure function of its spec and its input artifacts, and the folder it works in."""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from dormouse.config.registry import WORLDS
from dormouse.data.world import World
from dormouse.data.world_in_context import WorldInContext
from dormouse.errors import UserError
from dormouse.machine.gpu_memory import explained
from dormouse.models.quantized import Quantized
from dormouse.models.vllm_sampling import TRANSFORMERS, Sampler

STAGES = {
    # Raised when a change gives a stage's numbers another meaning: it is part of every key of that kind.
    "tokenizer": ("dormouse.bases.tokenizer:run", 1),
    "base": ("dormouse.bases.build:run", 1),
    "helpful": ("dormouse.organisms.helpful:run", 1),
    "organism": ("dormouse.organisms.implant:run", 2),
    "preference": ("dormouse.safety.preference:run", 1),
    "red_team": ("dormouse.red_team.run:run", 1),
    "safety": ("dormouse.safety.run:run", 1),
    "re_emergence": ("dormouse.safety.re_emergence:run", 1),
    "removal": ("dormouse.removal.run:run", 1),
    "measure": ("dormouse.evaluation.measure:run", 2),
    "measure_re_emergence": ("dormouse.evaluation.measure_re_emergence:run", 1),
    "measure_character": ("dormouse.evaluation.measure_character:run", 1),
    "measure_probes": ("dormouse.evaluation.measure_probes:run", 1),
    "measure_scratchpad": ("dormouse.evaluation.measure_scratchpad:run", 1),
    "detect": ("dormouse.detection.judge:run", 1),
    "measure_red_team": ("dormouse.evaluation.measure_red_team:run", 1),
}
"""Stage kind -> (the function that runs it, the version of what it computes)."""


ENCODE = json.JSONEncoder(sort_keys=True).encode


class Shared(dict[str, Any]):
    """A part of specs that many stages hold, as JSON data with its text. It must not be changed."""

    @cached_property
    def text(self) -> str:
        """The JSON, keys sorted, written once."""
        return ENCODE(self)


@lru_cache(maxsize=4096)
def _quoted(text: str) -> str:
    """Return a text as JSON, remembered: stages have the same names and few texts."""
    return ENCODE(text)


def _text(value: Any) -> str:
    """Return a value as JSON; the encoder takes ten times as long for what is no container."""
    if isinstance(value, Shared):
        return value.text
    if isinstance(value, str):
        return _quoted(value)
    return repr(value) if type(value) is int else ENCODE(value)


@dataclass(frozen=True)
class Stage:
    """One node of a plan. Two stages with equal `key` are the same work."""

    kind: str
    spec: dict[str, Any]
    """JSON: everything but the inputs that decides the result."""
    inputs: dict[str, Stage] = field(default_factory=dict)
    """Role in this stage ("model", "preference", ...) -> the stage that makes it."""
    labels: dict[str, Any] = field(default_factory=dict)
    """Columns of `results.csv` that say which cell this is (size, seed, role, safety, dose, ...). Not in the key."""

    @cached_property
    def key(self) -> str:
        """The hash of everything that feeds the result: 64 hexadecimal digits."""
        # The text of {"inputs": .., "kind": .., "spec": .., "version": ..}, without writing again what is shared.
        inputs = ", ".join([f'{_quoted(name)}: "{stage.key}"' for name, stage in sorted(self.inputs.items())])
        spec = ", ".join([f"{_quoted(name)}: {_text(value)}" for name, value in sorted(self.spec.items())])
        kind, version = _quoted(self.kind), STAGES[self.kind][1]
        content = f'{{"inputs": {{{inputs}}}, "kind": {kind}, "spec": {{{spec}}}, "version": {version}}}'
        return hashlib.sha256(content.encode()).hexdigest()

    @property
    def name(self) -> str:
        """The artifact's folder name: kind and the first twelve digits of the key."""
        return f"{self.kind}-{self.key[:12]}"


@dataclass(frozen=True)
class Work:
    """What a running stage may touch: its spec, its inputs, and its own folder."""

    kind: str
    spec: dict[str, Any]
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
    module, _, function = STAGES[work.kind][0].partition(":")
    with explained(work.kind, work.spec):
        getattr(importlib.import_module(module), function)(work)
