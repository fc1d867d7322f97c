"""Reports this machine's cores, its GPU, and the number formats it is fast in."""

from __future__ import annotations

import os
import sys
from importlib.metadata import PackageNotFoundError, version


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


def has_bfloat16() -> bool:
    """Return whether there is a GPU that computes in bfloat16; a CPU is slower in it than in float32."""
    if device() == "cpu":
        return False
    import torch  # takes 2 s, and a CPU build never needs it here

    return bool(torch.cuda.is_bf16_supported())
