"""Set up a test environment and run format, lint, types and tests. Arguments go to pytest."""

from __future__ import annotations

import subprocess
import sys

from environment import PYTEST, ROOT, make_environment

CHECKS = (
    ("ruff", "format", "--check"),
    ("ruff", "check"),
    ("mypy",),
)

if __name__ == "__main__":
    python = make_environment(".venv-test", ".[dev]")
    for check in CHECKS:
        if code := subprocess.run([str(python), "-m", *check], cwd=ROOT).returncode:
            sys.exit(code)
    sys.exit(subprocess.run([str(python), *PYTEST, *sys.argv[1:]], cwd=ROOT).returncode)
