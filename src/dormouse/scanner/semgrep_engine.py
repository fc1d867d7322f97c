"""Runs Semgrep with the rules in `rules/`: one process for a whole batch, offline.

The snippets are written to a temporary folder. Semgrep parses them and runs nothing.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from dormouse.errors import UserError
from dormouse.scanner.engine import Engine, Finding
from dormouse.scanner.source import Source
from dormouse.scanner.weaknesses import weakness_of

RULES = Path(__file__).parent / "rules"
SECONDS_TO_START = 120
SECONDS_PER_SNIPPET = 0.5
"""Generous: Semgrep takes seconds to start and milliseconds a snippet."""


class SemgrepEngine(Engine):
    """Semgrep, if it is installed."""

    name: ClassVar[str] = "semgrep"

    def __init__(self) -> None:
        program = find_program()
        if program is None:
            raise UserError(
                "Semgrep is not installed. Install it with pip install 'dormouse-lab[semgrep]', or scan with bandit "
                "and rules alone."
            )
        self._program = program

    def version(self) -> str:
        """Return Semgrep's version."""
        return _run([self._program, "--version"], SECONDS_TO_START).strip()

    def scan(self, sources: Sequence[Source]) -> list[list[Finding]]:
        """Return the findings of each snippet; `UserError` if Semgrep fails or takes too long."""
        if not sources:
            return []
        with tempfile.TemporaryDirectory() as folder:
            for number, source in enumerate(sources):
                (Path(folder) / f"{number}.py").write_text(
                    source.text, encoding="utf-8", errors="replace", newline="\n"
                )
            seconds = SECONDS_TO_START + SECONDS_PER_SNIPPET * len(sources)
            report = json.loads(_run([self._program, *_arguments(folder)], seconds))
        return read_report(report, len(sources))


def find_program() -> str | None:
    """Return Semgrep's path: on the PATH, or in this environment even if that is not activated."""
    return shutil.which("semgrep") or shutil.which("semgrep", path=str(Path(sys.executable).parent))


def _arguments(folder: str) -> list[str]:
    return [
        "scan", "--config", str(RULES), "--json", "--quiet", "--metrics=off", "--disable-version-check",
        "--disable-nosem", "--no-git-ignore", "--jobs=1", folder,
    ]  # fmt: skip


def _run(command: list[str], seconds: float) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired as error:
        raise UserError(
            f"Semgrep did not finish in {seconds:.0f} seconds. Scan fewer snippets at once, or without semgrep."
        ) from error
    if done.returncode:
        raise UserError(
            f"Semgrep failed: {(done.stderr or done.stdout).strip()[-500:]}. Try semgrep --version; if that fails too, "
            "install it anew with pip install 'dormouse-lab[semgrep]'."
        )
    return done.stdout


def read_report(report: Any, snippets: int) -> list[list[Finding]]:
    """Return the findings in Semgrep's JSON by snippet: each snippet's file is named by its number."""
    findings: list[list[Finding]] = [[] for _ in range(snippets)]
    for result in report["results"]:
        cwe = int(result["extra"]["metadata"]["cwe"].removeprefix("CWE-"))
        rule = result["check_id"].rpartition(".")[2]
        if weakness_of(cwe):
            findings[int(Path(result["path"]).stem)].append(
                Finding("semgrep", rule, cwe, result["start"]["line"], result["extra"]["message"].strip())
            )
    return findings
