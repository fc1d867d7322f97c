"""Reports this machine's cores, its GPU, and the number formats it is fast in."""

from __future__ import annotations

import os
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def cores() -> int:
    """Return how many cores this process may use."""
    if sys.platform == "linux":  # Python lacks sched_getaffinity on macOS and Windows.
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def device() -> str:
    """Return "cuda" or "cpu". A CPU build of torch is recognized by its version, because importing it takes seconds."""
    try:
        if version("torch").endswith("+cpu"):
            return "cpu"
    except PackageNotFoundError:
        return "cpu"
    import torch  # takes 2 s, and a CPU build never needs it here

    return "cuda" if torch.cuda.is_available() else "cpu"


def has_package(name: str) -> bool:
    """Return whether a package is installed, without importing it."""
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


def rank() -> int:
    """Return this process's number among those that share a training, from 0."""
    return int(os.environ.get("RANK", "0"))


def ranks() -> int:
    """Return how many processes share a training."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def shares_weights() -> bool:
    """Return whether the processes that share a training also share its weights (FSDP)."""
    # Set by `accelerate launch`.
    return os.environ.get("ACCELERATE_USE_FSDP", "false") == "true"


BFLOAT16_FROM = 5_000_000
"""Parameters from which a CPU with instructions for bfloat16 computes in it. Measured on one with avx512_bf16: matrix
products of a model of 135 M parameters took a quarter of the time."""


@cache
def has_bfloat16_instructions() -> bool:
    """Return whether the processor multiplies matrices in bfloat16: avx512_bf16 or AMX on Linux, else unknown.

    oneDNN, which multiplies, can be told to use fewer instructions than there are.
    """
    allowed = os.environ.get("ONEDNN_MAX_CPU_ISA", "DEFAULT").upper()
    if not any(name in allowed for name in ("BF16", "FP16", "AMX", "DEFAULT", "ALL")):
        return False
    try:
        told = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    flags = next((line for line in told.splitlines() if line.startswith("flags")), "").split()
    return "avx512_bf16" in flags or "amx_bf16" in flags


def is_fast_in_bfloat16(parameters: int) -> bool:
    """Return whether this processor is faster in bfloat16 than in float32 on a model with so many parameters."""
    return parameters >= BFLOAT16_FROM and has_bfloat16_instructions()


def has_bfloat16() -> bool:
    """Return whether there is a GPU that computes in bfloat16. `is_fast_in_bfloat16` answers for the processor."""
    if device() == "cpu":
        return False
    import torch  # takes 2 s, and a CPU build never needs it here

    return bool(torch.cuda.is_bf16_supported())
