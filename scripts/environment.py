"""Make the virtual environment that the other scripts run in: Python's own tools, versions from constraints.txt."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MINIMUM = (3, 11)


def python_of(environment: Path) -> Path:
    """Return the environment's interpreter."""
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def make_environment(name: str, target: str) -> Path:
    """Create or reuse `name` under the repository's root, install `target` into it, and return its interpreter."""
    if sys.version_info < MINIMUM:
        sys.exit(f"dormouse needs Python {MINIMUM[0]}.{MINIMUM[1]} or later; this is {sys.version.split()[0]}.")
    environment = ROOT / name
    python = python_of(environment)
    versions = hashlib.sha256(
        b"".join((ROOT / file).read_bytes() for file in ("pyproject.toml", "constraints.txt"))
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
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, "--constraint", "constraints.txt", "--editable", target], cwd=ROOT, check=True)
    stamp.write_text("\n".join([*installed, target]) + "\n")
    return python
