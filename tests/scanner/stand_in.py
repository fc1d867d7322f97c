"""Stands in for a program: records how it is called, and answers what the test says."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest


def stand_in(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    program: str,
    output: str = "",
    status: int = 0,
    seconds: float = 0.0,
    output_file: str = "",
) -> Path:
    """Put `program` first on the PATH; return the log of its calls, one a line.

    Where an argument is `--output=FILE`, `output_file` is written there.
    """
    log = folder / "calls.log"
    script = folder / program
    script.write_text(
        f"#!{sys.executable}\n"
        "import sys, time\n"
        f"open({str(log)!r}, 'a').write(' '.join(sys.argv[1:]) + '\\n')\n"
        f"time.sleep({seconds})\n"
        "for argument in sys.argv:\n"
        "    if argument.startswith('--output='):\n"
        f"        open(argument.partition('=')[2], 'w').write({output_file!r})\n"
        f"print({output!r}, file=sys.stderr if {status} else sys.stdout)\n"
        f"sys.exit({status})\n"
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return log
