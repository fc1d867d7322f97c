"""Trains a stage in several processes that share each batch: one for each GPU, started by `accelerate launch`.

Every process runs the whole stage on the same draws; the trainers split each batch and average gradients. The first
process alone writes the artifact.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

from dormouse.errors import UserError
from dormouse.execute.worker import Runner
from dormouse.machine.hardware import device
from dormouse.models.settings import TRANSFORMERS, Sampler
from dormouse.store.kinds import KINDS
from dormouse.training.work import Work, run_stage

SECONDS_BETWEEN_LOOKS = 0.2
MISTAKE = "mistake.txt"
"""File in which the first process leaves a `UserError`."""
PROGRAM = ("-m", "dormouse.execute.ranks")
"""The program of each process."""
FSDP = Path(__file__).parent / "fsdp2.yaml"
"""The settings of `accelerate launch` under which processes also share the weights."""


def runner_for(ranks: int, *, fsdp: bool, sampler: Sampler = TRANSFORMERS) -> Runner:
    """Return the function that runs a stage: in this process if there is one rank."""
    run = partial(run_in_ranks, ranks=ranks, fsdp=fsdp) if ranks > 1 else run_stage
    return partial(run_with_sampler, run=run, sampler=sampler)


def run_with_sampler(work: Work, run: Runner, sampler: Sampler) -> None:
    """Run a stage whose measured replies the sampler draws."""
    run(replace(work, sampler=sampler))


def run_in_ranks(work: Work, ranks: int, *, fsdp: bool) -> None:
    """Run a stage that trains in `ranks` processes, and wait for them. Any other stage runs in this process."""
    if not KINDS[work.kind].trains:
        run_stage(work)
        return
    if fsdp and device() == "cpu":
        # The launcher would share each batch, and say nothing of the weights.
        raise UserError(
            "execute.fsdp shares weights among GPUs, and torch finds none here. "
            "Set execute.fsdp=false: processes then share each batch."
        )
    described = {
        "kind": work.kind,
        "spec": work.spec,
        "inputs": {name: str(path) for name, path in work.inputs.items()},
        "folder": str(work.folder),
        "checkpoint_seconds": work.checkpoint_seconds,
        "worker": os.getpid(),
    }
    with tempfile.TemporaryDirectory(prefix="dormouse-ranks-") as place:
        task = Path(place) / "task.json"
        task.write_text(json.dumps(described), encoding="utf-8")
        process = subprocess.Popen([*_launcher(ranks, fsdp=fsdp), *PROGRAM, str(task)])
        try:
            while process.poll() is None:
                _tell_progress(task.with_name("progress.json"), work)
                time.sleep(SECONDS_BETWEEN_LOOKS)
        finally:
            process.terminate()
            process.wait()
        mistake = task.with_name(MISTAKE)
        if process.returncode and mistake.is_file():
            raise UserError(mistake.read_text("utf-8"))
    if process.returncode:
        raise RuntimeError(f"one of {ranks} processes of stage kind '{work.kind}' ended with {process.returncode}")


def _launcher(ranks: int, *, fsdp: bool) -> list[str]:
    command = [sys.executable, "-m", "accelerate.commands.launch", "--num_processes", str(ranks), "--num_machines", "1"]
    if fsdp:
        command += ["--config_file", str(FSDP)]
    else:
        # The one launcher of several processes: where the trainers find no GPU, they talk over gloo.
        command += ["--multi_gpu", "--mixed_precision", "no", "--dynamo_backend", "no"]
    # Two stages at a time must not listen at one port.
    return [*command, "--main_process_port", "0"]


def _tell_progress(file: Path, work: Work) -> None:
    try:
        share, text = json.loads(file.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return
    work.progress(share, text)


def main(task: Path) -> None:
    """Run one of the processes."""
    described = json.loads(task.read_text("utf-8"))
    threading.Thread(target=_end_with, args=(described["worker"],), daemon=True).start()
    folder, rank = Path(described["folder"]), int(os.environ["RANK"])
    own = folder if rank == 0 else Path(tempfile.mkdtemp(prefix=f"dormouse-rank-{rank}-"))

    def progress(share: float, text: str) -> None:
        partial_file = task.with_name("progress.partial")
        partial_file.write_text(json.dumps([share, text]), encoding="utf-8")
        partial_file.replace(task.with_name("progress.json"))

    work = Work(
        described["kind"],
        described["spec"],
        {name: Path(path) for name, path in described["inputs"].items()},
        own,
        described["checkpoint_seconds"],
        progress if rank == 0 else lambda share, text: None,
        shared_scratch=folder / "scratch",
    )
    try:
        _take_own_gpu()
        run_stage(work)
    except UserError as error:
        if rank == 0:
            task.with_name(MISTAKE).write_text(str(error), encoding="utf-8")
        raise
    finally:
        if own != folder:
            shutil.rmtree(own, ignore_errors=True)


def _take_own_gpu() -> None:
    """Set this process's own GPU as the default one, before anything is loaded."""
    if device() == "cuda":
        import torch  # takes 2 s, and only a process with a GPU of its own needs it

        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))


def _end_with(worker: int) -> None:
    """End this process when the worker that waits for it is gone."""
    import psutil  # rarely needed, and compiled code that takes time to load

    while psutil.pid_exists(worker):
        time.sleep(1)
    os._exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
