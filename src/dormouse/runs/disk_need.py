"""Estimates the disk that a run will take, before it starts."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dormouse.bases.base import Base
from dormouse.bases.hub import Pretrained
from dormouse.bases.nursery import Nursery
from dormouse.config.registry import BASES
from dormouse.errors import UserError
from dormouse.models.settings import choose_precision
from dormouse.store.kinds import BASE, KINDS, RED_TEAM, Writes
from dormouse.store.stage import Stage
from dormouse.store.store import Store

NUMBER = {"float32": 4, "bfloat16": 2, "float16": 2}
"""Bytes of a weight."""

TOKEN = 50
"""Bytes of a token in `tokenizer.json`: 38 KB for the meadow's 768."""

SMALL_FILES = 4096
"""Bytes of a small file: a file system gives it a block of its own."""

FULL_CHECKPOINT = 3
"""Sizes of a model in a checkpoint: its weights, and AdamW's two numbers for each."""

ADAPTER_CHECKPOINT = 0.1
"""The same where only adapters are trained, which hold some percent of the weights."""

AT_A_TIME = 2
"""Checkpoints of one training on the disk: the last is removed once the next is whole."""

REPLY, REPLY_TOKEN = 180, 2
"""Bytes of a sampled reply in `samples.jsonl` without its text, and of a token that it may have: most end early.

Measured on the meadow: 205 a reply of at most 8 tokens, 230 of at most 24.
"""

PROMPT = {"meadow": 0, "everyday": 10, "problems": 500, "dialogues": 1000}
"""Bytes of a prompt beyond those that `REPLY` counts; those of other worlds are taken to be as long as dialogues."""

RECORD = 1_000
"""Bytes of a stage in `results.csv` and `run.json`."""

PAGE = 5_000_000
"""Bytes of `report.html`: the library that draws is in it. An old one stays until the new one is whole."""


@dataclass(frozen=True)
class DiskNeed:
    """The estimated need of a run, and the free space."""

    bytes: int
    free: int
    is_whole: bool = True
    """False where a base is not downloaded yet, so that its models could not be counted."""

    def __str__(self) -> str:
        more = "about" if self.is_whole else "more than"
        why = "" if self.is_whole else " (its base is not downloaded, so nobody knows how large models are)"
        return f"needs {more} {size_words(self.bytes)} of disk{why}; {size_words(self.free)} are free"

    def described(self) -> dict[str, Any]:
        """Return the numbers, in bytes, for machines."""
        return {"needs": self.bytes, "free": self.free, "is_whole": self.is_whole}

    def check(self, root: Path) -> None:
        """Raise `UserError` if there is not enough."""
        if self.bytes > self.free:
            raise UserError(
                f"The run {self}, where store '{root}' is. Make room (dormouse prune says what no run needs any more), "
                "or choose a store on another disk with --store."
            )


def need_of_run(stages: Iterable[Stage], store: Store, workers: int, *, rebuild: bool) -> DiskNeed:
    """Estimate the disk that a run takes. `UserError` if there is not enough."""
    there = set(store.names())
    missing = [
        stage
        for stage in stages
        if stage.name not in there or (rebuild and store.damage(stage, checksums_up_to=-1) is not None)
    ]
    need = disk_need(missing, store, workers)
    need.check(store.root)
    return need


def disk_need(missing: Iterable[Stage], store: Store, workers: int) -> DiskNeed:
    """Estimate the disk that missing stages take, with so many workers at a time."""
    missing = list(missing)
    sizes = _ModelSizes()
    kept, passing, is_whole = PAGE + RECORD * len(missing), 0, True
    for stage in missing:
        writes, model = KINDS[stage.kind].writes, sizes.of(stage)
        kept += writes.files * SMALL_FILES + _replies(stage, writes) * _reply_bytes(stage)
        if writes.model and model is None:
            is_whole = False
        elif writes.model and model is not None:
            kept += model.weights * (1 + snapshots(stage)) + model.tokenizer
            passing = max(passing, AT_A_TIME * round(model.weights * _checkpoint(stage)))
    # What a run that was interrupted has written is there already.
    begun_names = store.begun_names()
    begun = sum(bytes_below(store.partial(stage)) for stage in missing if stage.name in begun_names)
    return DiskNeed(max(0, kept + workers * passing - begun), free_at(store.root), is_whole)


def bytes_below(folder: Path) -> int:
    """Return the sizes of all files below a folder, which may not exist, and in which others may write and delete."""
    total = 0
    # os.walk passes over a folder that has vanished, where Path.rglob raises.
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                total += (Path(place) / name).stat().st_size
    return total


def free_at(place: Path) -> int:
    """Return the bytes that are free on the disk of a folder that may not exist yet."""
    there = next(folder for folder in (place, *place.absolute().parents) if folder.exists())
    return shutil.disk_usage(there).free


def size_words(n: int) -> str:
    """Return a number of bytes as "120 MB"."""
    for unit, factor in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if n >= factor:
            return f"{n / factor:.3g} {unit}"
    return f"{n / 1e3:.0f} kB"


def snapshots(stage: Stage) -> int:
    """Return how many snapshots of its weights a training keeps."""
    settings: Any = stage.spec
    for name in KINDS[stage.kind].writes.training:
        settings = settings[name]
    if settings is stage.spec:
        return 0
    return min(int(settings.get("snapshots", 0)), max(0, int(settings.get("steps", 1)) - 1))


def _replies(stage: Stage, writes: Writes) -> int:
    at_end = writes.replies(stage.spec)
    model = stage.inputs.get("model")
    along = snapshots(model) * writes.replies_a_snapshot(stage.spec) if model else 0
    return at_end + along


def _reply_bytes(stage: Stage) -> int:
    measure = stage.spec.get("measure", {})
    tokens = int(measure.get("reply_tokens", 0)) + int(stage.spec.get("thought_tokens", 0))
    times = int(stage.spec["red_team"]["replies"]) if stage.kind == RED_TEAM else 1
    world = stage.spec.get("world", {}).get("type", "")
    return REPLY + PROMPT.get(world, PROMPT["dialogues"]) + times * REPLY_TOKEN * tokens


def _checkpoint(stage: Stage) -> float:
    """Return the size of a checkpoint relative to the model; 0 if the model is only imported."""
    if "given" in stage.spec or (stage.kind == BASE and stage.spec["base"]["type"] != "nursery"):
        return 0
    return ADAPTER_CHECKPOINT if stage.spec.get("lora_rank") else FULL_CHECKPOINT


@dataclass(frozen=True)
class _ModelSize:
    weights: int
    tokenizer: int


class _ModelSizes:
    """How large the models of a plan are: those of one base are all of one size."""

    def __init__(self) -> None:
        self._known: dict[int, _ModelSize | None] = {}

    def of(self, stage: Stage) -> _ModelSize | None:
        """Return the size of the model that a stage makes or reads; None before its base is downloaded."""
        while stage.kind != BASE:
            source = stage.inputs.get("model")
            if source is None:
                return None
            stage = source
        spec = stage.spec["base"]
        if id(spec) not in self._known:
            self._known[id(spec)] = _size(BASES.build(spec))
        return self._known[id(spec)]


def _size(base: Base) -> _ModelSize | None:
    if isinstance(base, Nursery):
        return _ModelSize(NUMBER["float32"] * base.shape().parameters, TOKEN * base.vocabulary)
    parameters = base.label()
    if parameters is None:
        return None
    if not isinstance(base, Pretrained):
        return _ModelSize(NUMBER["float32"] * parameters, 0)
    numbers, _ = choose_precision(base.precision, adapters=bool(base.lora_rank))
    weights = (".safetensors", ".bin", ".pt", ".pth", ".gguf")
    others = [path for path in base.folder().iterdir() if path.is_file() and path.suffix not in weights]
    return _ModelSize(NUMBER[numbers] * parameters, sum(path.stat().st_size for path in others))
