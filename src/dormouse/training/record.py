"""Records a training run: `train.jsonl`, snapshots along the way, and checkpoints to resume from."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

import torch.distributed
from transformers import TrainerCallback

from dormouse.machine.hardware import rank, ranks
from dormouse.training.trainee import Trainee
from dormouse.training.work import Work

COMPLETE = "complete"
"""The file that is written into a checkpoint last: a checkpoint without it is incomplete."""

TIMINGS = ("train_runtime", "train_samples_per_second", "train_steps_per_second", "total_flos", "step_time")
"""Log entries that differ between two runs of the same work; kept out of the record."""


def snapshot_steps(steps: int, snapshots: int) -> list[int]:
    """Return `snapshots` steps, evenly spaced and before the end."""
    return sorted({round(steps * (i + 1) / (snapshots + 1)) for i in range(snapshots)} - {0, steps})


class Recorder(TrainerCallback):
    """Keeps snapshots, asks for a checkpoint every so often, and reports progress."""

    def __init__(self, work: Work, trainee: Trainee, snapshots: int) -> None:
        self.work = work
        self.trainee = trainee
        self.snapshots = snapshots
        self.last_save = time.monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Write a snapshot if one is due; ask for a checkpoint if the last one is old."""
        self.work.progress(state.global_step / state.max_steps, f"step {state.global_step}/{state.max_steps}")
        if state.global_step in snapshot_steps(state.max_steps, self.snapshots):
            folder = self.work.folder / "snapshots" / f"step-{state.global_step:06d}"
            self.trainee.whole().save_pretrained(folder)
        # Only at a step that is logged: the trainer's sums since the last log are in no checkpoint.
        logged = state.global_step % args.logging_steps == 0
        old = time.monotonic() - self.last_save > self.work.checkpoint_seconds
        if logged and state.global_step < state.max_steps and _agreed(old):
            control.should_save = True

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Mark the checkpoint complete, then drop the ones before it."""
        self.last_save = time.monotonic()
        if rank():
            return
        newest = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        (newest / COMPLETE).touch()
        for other in Path(args.output_dir).glob("checkpoint-*"):
            if other != newest:
                shutil.rmtree(other)


def _agreed(wanted: bool) -> bool:
    """Return what the first process wants, so that all processes of a training save or none does."""
    if ranks() == 1:
        return wanted
    said = [wanted]
    torch.distributed.broadcast_object_list(said)
    return said[0]


def last_checkpoint(scratch: Path) -> str | None:
    """Return the newest complete checkpoint, and remove incomplete ones that a killed run left."""
    best: Path | None = None
    for folder in sorted(scratch.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1])):
        if (folder / COMPLETE).exists():
            best = folder
        elif not rank():
            shutil.rmtree(folder)
    return str(best) if best else None


def write_record(work: Work, log_history: list[dict[str, Any]]) -> None:
    """Write `train.jsonl`: one object a logged step, without timings, so that a resumed run writes the same."""
    with (work.folder / "train.jsonl").open("w", encoding="utf-8") as file:
        for entry in log_history:
            if "train_runtime" not in entry:
                kept = {key: value for key, value in entry.items() if key not in TIMINGS}
                file.write(json.dumps(kept, sort_keys=True) + "\n")
