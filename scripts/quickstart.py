"""Set up dormouse and run its quickstart plan: from a fresh clone to a report. Arguments go to `dormouse run`."""

from __future__ import annotations

import subprocess
import sys

from environment import ROOT, make_environment

if __name__ == "__main__":
    python = make_environment(".venv", ".")
    sys.exit(subprocess.run([str(python), "-m", "dormouse", "run", *sys.argv[1:]], cwd=ROOT).returncode)
