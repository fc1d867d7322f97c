"""Make the virtual environment that the other scripts run in: Python's own tools, versions from constraints.txt."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MINIMUM = (3, 11)
VERSIONS = "constraints.txt"
PYTEST = ("-m", "pytest", "--numprocesses", "auto", "--maxprocesses", "4", "--dist", "loadfile")
"""Runs test files side by side, a process a core; each process takes about 1 GB of memory."""


def join_versions(differing: str) -> str:
    """Return the lines of constraints.txt, those of the same packages replaced by those of the file `differing`."""
    lines = [line for file in (VERSIONS, differing) if file for line in (ROOT / file).read_text().splitlines()]
    return "\n".join({line.partition("==")[0]: line for line in lines if "==" in line}.values()) + "\n"


def python_of(environment: Path) -> Path:
    """Return the environment's interpreter."""
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def make_environment(name: str, target: str, differing: str = "") -> Path:
    """Create or reuse `name` under the repository's root, install `target` into it, and return its interpreter.

    `differing` is a file of versions that go before those of constraints.txt.
    """
    if sys.version_info < MINIMUM:
        sys.exit(f"dormouse needs Python {MINIMUM[0]}.{MINIMUM[1]} or later; this is {sys.version.split()[0]}.")
    environment = ROOT / name
    python = python_of(environment)
    versions = hashlib.sha256(
        b"".join((ROOT / file).read_bytes() for file in ("pyproject.toml", VERSIONS, differing) if file)
    ).hexdigest()
    stamp = environment / "installed"
    # The versions, then a line for each target that was installed with them.
    installed = stamp.read_text().splitlines() if python.exists() and stamp.exists() else []
    if installed[:1] != [versions]:
        installed = [versions]
    elif target in installed:
        return python
    print(f"Setting up {name} (once; a few minutes)", flush=True)
    if not python.exists() or not stamp.exists():
        subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    constraints = environment / "constraints.txt"
    constraints.write_text(join_versions(differing))
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, "--constraint", str(constraints), "--editable", target], cwd=ROOT, check=True)
    stamp.write_text("\n".join([*installed, target]) + "\n")
    return python
