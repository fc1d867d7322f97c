"""Chooses device, processes, threads and number format for a run, and says why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dormouse.errors import UserError
from dormouse.execute.settings import Execute
from dormouse.machine.hardware import (
    BFLOAT16_FROM,
    cores,
    device,
    has_bfloat16,
    has_package,
    is_fast_in_bfloat16,
)

ONE_THREAD_BELOW = 5_000_000
"""Parameters under which one thread a process is fastest (measured on 2 cores: 1.5 times, 7.5 when contended)."""
BYTES_A_PARAMETER, BYTES_A_WORKER = 24, 2_000_000_000
"""Memory that a stage may take on a CPU: weights in float32, copies to merge an adapter into and to sample from, two
preference models, and activations. Seen at 135 M parameters: 2.4 to 5.1 GB."""


@dataclass(frozen=True)
class Compute:
    """The choice for one run."""

    device: str
    workers: int
    """Stages at a time, each a process."""
    threads: int
    """Torch threads a process."""
    why: str
    """The reason for processes and threads."""
    numbers: str
    """The number format that is computed in, and why."""

    def __str__(self) -> str:
        processes = "process" if self.workers == 1 else "processes"
        threads = "thread" if self.threads == 1 else "threads"
        return f"{self.device} · {self.workers} {processes} x {self.threads} {threads} ({self.why}) · {self.numbers}"


def choose(execute: Execute, sizes: Sequence[int | None]) -> Compute:
    """Choose processes and threads for the largest of the bases; `execute.workers` decides when given.

    `sizes` are their parameters, None for one whose size only loading tells.
    `UserError` where the machine lacks what the plan asks for.
    """
    _check_machine(execute)
    known = [size for size in sizes if size is not None]
    largest = max(known, default=0)
    all_known = len(known) == len(sizes)
    small = is_small(sizes)
    workers = execute.workers or (_most_at_once(largest, small=small) if all_known else 1)
    threads = 1 if small else max(1, cores() // workers)
    if small:
        why = "models under 5 M parameters train fastest one thread each"
    elif not all_known:
        why = "the base's size is not known in advance, so it gets the machine"
    elif threads == 1:
        why = "stages side by side leave no core waiting, and there is memory for them"
    else:
        why = "models over 5 M parameters use more than one thread"
    return Compute(device(), workers, threads, why, _numbers(largest))


def is_small(sizes: Sequence[int | None]) -> bool:
    """Return whether all bases are known to be so small that one thread trains them fastest."""
    return all(size is not None and size < ONE_THREAD_BELOW for size in sizes)


def _most_at_once(parameters: int, *, small: bool) -> int:
    """Return how many stages to run at a time: one a core while memory lasts, and one large model on a GPU."""
    if small:
        return cores()
    if device() != "cpu":
        return 1
    import psutil  # compiled code that takes time to load, and small models need none of it

    room = int(psutil.virtual_memory().available) // (parameters * BYTES_A_PARAMETER + BYTES_A_WORKER)
    return max(1, min(cores(), room))


def _check_machine(execute: Execute) -> None:
    """Raise `UserError` where this machine lacks what the plan asks for: stages would fail once others have trained."""
    if execute.on != "local":
        return
    if execute.fsdp and device() == "cpu":
        raise UserError(
            "execute.fsdp shares weights among GPUs, and torch finds none here. "
            "Set execute.fsdp=false: processes then share each batch."
        )
    if execute.sampler == "vllm" and not has_package("vllm"):
        raise UserError(
            "execute.sampler is vllm, which is not installed. pip install vllm, in a release that leaves Transformers "
            "as dormouse needs it (docs/many-machines.md), or set execute.sampler=transformers."
        )
    if execute.sampler == "vllm" and device() == "cpu":
        raise UserError(
            "execute.sampler is vllm, which needs a GPU, and torch finds none. Set execute.sampler=transformers."
        )


def _numbers(largest: int) -> str:
    if device() == "cpu":
        if is_fast_in_bfloat16(largest):
            return "bfloat16 on float32 weights (this processor has instructions for it, and the model is large)"
        if largest < BFLOAT16_FROM:
            return "float32 (bfloat16 is for models from 5 M parameters)"
        return "float32 (this CPU has no instructions for bfloat16)"
    if has_bfloat16():
        return "bfloat16 on float32 weights (several times as fast on this GPU, and as stable)"
    return "float32 (this GPU has no bfloat16, and float16 overflows)"
