"""Checks for `dormouse doctor`: installed packages, the machine and the store, with advice on what is missing."""

from __future__ import annotations

import os
import platform
import shutil
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import dormouse
from dormouse.machine.hardware import cores, device

REQUIRED = (
    "torch",
    "transformers",
    "trl",
    "accelerate",
    "datasets",
    "tokenizers",
    "safetensors",
    "numpy",
    "scipy",
    "pydantic",
    "PyYAML",
    "filelock",
    "psutil",
    "typer",
    "rich",
    "plotly",
    "jinja2",
    "bandit",
)
OPTIONAL = {
    "semgrep": ("a second opinion on code", "pip install 'dormouse-lab[semgrep]'"),
    "ray": ("plans on a cluster", "pip install 'dormouse-lab[ray]'"),
    "bitsandbytes": ("weights in 4 or 8 bits beside adapters", "pip install 'dormouse-lab[quantized]'"),
    "inspect-ai": ("the same measurements of any provider's model", "pip install 'dormouse-lab[inspect]'"),
    "pytest": ("the tests", "pip install 'dormouse-lab[dev]'"),
    "hypothesis": ("the property tests", "pip install 'dormouse-lab[dev]'"),
}
"""Package -> (what needs it, how to get it)."""
LOW_MEMORY = 2 * 2**30
LOW_DISK = 2**30


@dataclass(frozen=True)
class Advice:
    """A problem and its remedy; `blocking` if no run can work until then."""

    problem: str
    remedy: str
    blocking: bool = False


@dataclass(frozen=True)
class Health:
    """Facts and advice. `facts` can go into a public bug report: no user name, no host name, no path."""

    facts: dict[str, str]
    advice: list[Advice]

    @property
    def usable(self) -> bool:
        """Whether runs can work."""
        return not any(advice.blocking for advice in self.advice)

    def block(self) -> str:
        """Format the facts as lines to paste into a bug report."""
        return "\n".join(f"{name}: {value}" for name, value in self.facts.items())


def examine(store: Path) -> Health:
    """Check packages, machine and store."""
    packages = {name: _find_version(name) for name in (*REQUIRED, *OPTIONAL)}
    facts = {"dormouse": dormouse.__version__, "python": platform.python_version()}
    facts |= {name: found for name, found in packages.items() if found is not None}
    advice = _check_packages(packages)
    machine, machine_advice = _check_machine(packages)
    stored, store_advice = _check_store(store)
    return Health(facts | machine | stored, [*advice, *machine_advice, *store_advice])


def _find_version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _check_packages(packages: dict[str, str | None]) -> list[Advice]:
    advice = [
        Advice(f"{name} is not installed", f"pip install {name}", blocking=True)
        for name in REQUIRED
        if packages[name] is None
    ]
    for name, (purpose, remedy) in OPTIONAL.items():
        if packages[name] is None:
            advice.append(Advice(f"{name} is not installed (optional: {purpose})", remedy))
    return advice


def _check_machine(packages: dict[str, str | None]) -> tuple[dict[str, str], list[Advice]]:
    facts = {"system": f"{platform.system()} {platform.machine()}", "cores": str(cores())}
    advice = []
    if packages["psutil"]:
        import psutil  # may be missing, which is what doctor reports

        memory = psutil.virtual_memory()
        facts["memory"] = f"{memory.total / 2**30:.1f} GiB, {memory.available / 2**30:.1f} GiB free"
        if memory.available < LOW_MEMORY:
            advice.append(Advice("under 2 GiB of memory are free", "close other programs, or run with --workers 1"))
    if packages["torch"]:
        facts["device"] = device()
        if facts["device"] == "cpu" and shutil.which("nvidia-smi"):
            advice.append(
                Advice(
                    "an NVIDIA driver is present but torch cannot use it", "install a CUDA build: https://pytorch.org"
                )
            )
    if "OMP_NUM_THREADS" in os.environ:
        facts["OMP_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"]
    return facts, advice


def _is_visible(folder: Path) -> bool:
    try:
        return folder.exists()
    except OSError:  # This user may not look there, or the name is too long.
        return False


def _check_store(store: Path) -> tuple[dict[str, str], list[Advice]]:
    # The store would be created in the nearest folder that exists.
    place = next(folder for folder in (store, *store.absolute().parents) if _is_visible(folder))
    free = shutil.disk_usage(place).free
    artifacts = len(list((store / "artifacts").glob("*/stage.json")))
    facts = {"store": f"{artifacts} artifacts, {free / 2**30:.1f} GiB free on its disk"}
    advice = []
    if not place.is_dir():
        advice.append(Advice("the store is a file, not a folder", "choose another with --store", blocking=True))
    elif not os.access(place, os.W_OK):
        advice.append(Advice("the store cannot be written to", "choose another with --store", blocking=True))
    if free < LOW_DISK:
        advice.append(Advice("under 1 GiB is free where the store is", "make room, or choose another with --store"))
    return facts, advice
