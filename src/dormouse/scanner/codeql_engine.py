"""Runs CodeQL's Python security suite, if the program is on the PATH.

Written for the documented command line of CodeQL 2 (`database create`, `database analyze`, SARIF 2.1.0). The tests
cover the commands and the reading of a SARIF file, with a stand-in for the program; CodeQL itself was not run.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from dormouse.errors import UserError
from dormouse.scanner.engine import Engine, Finding
from dormouse.scanner.source import Source
from dormouse.scanner.weaknesses import weakness_of

SUITE = "codeql/python-queries:codeql-suites/python-security-and-quality.qls"
SECONDS = 3_600
"""Time limit: a database of thousands of snippets takes minutes."""
_TAG = re.compile(r"external/cwe/cwe-0*(\d+)")


class CodeqlEngine(Engine):
    """CodeQL, when it is installed with its Python queries."""

    name: ClassVar[str] = "codeql"

    def __init__(self) -> None:
        program = shutil.which("codeql")
        if program is None:
            raise UserError(
                "CodeQL is not on the PATH. Install the CodeQL bundle from "
                "https://github.com/github/codeql-action/releases, or scan with bandit and rules alone."
            )
        self._program = program

    def version(self) -> str:
        """Return CodeQL's version."""
        return _run([self._program, "version", "--format=terse"]).strip()

    def scan(self, sources: Sequence[Source]) -> list[list[Finding]]:
        """Return the findings of each snippet; `UserError` if CodeQL fails or takes too long."""
        if not sources:
            return []
        with tempfile.TemporaryDirectory() as folder:
            code, database, report = (Path(folder) / name for name in ("code", "database", "report.sarif"))
            code.mkdir()
            for number, source in enumerate(sources):
                (code / f"{number}.py").write_text(source.text, encoding="utf-8", errors="replace", newline="\n")
            _run([self._program, "database", "create", str(database), "--language=python", f"--source-root={code}"])
            _run(
                [
                    self._program,
                    "database",
                    "analyze",
                    str(database),
                    SUITE,
                    "--format=sarif-latest",
                    f"--output={report}",
                ]
            )
            return read_sarif(json.loads(report.read_text(encoding="utf-8")), len(sources))


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise UserError(
            f"CodeQL did not finish in {SECONDS} seconds. Scan fewer snippets at once, or without codeql."
        ) from error
    if done.returncode:
        raise UserError(
            f"CodeQL failed: {done.stderr.strip()[-500:]}. If its queries are missing: codeql pack download "
            "codeql/python-queries."
        )
    return done.stdout


def read_sarif(report: Any, snippets: int) -> list[list[Finding]]:
    """Return the findings in a SARIF report by snippet: each snippet's file is named by its number.

    A query has several CWE tags; the first that is one of the eight weaknesses counts.
    """
    findings: list[list[Finding]] = [[] for _ in range(snippets)]
    for run in report["runs"]:
        cwes = {rule["id"]: cwe for rule in _rules(run["tool"]) if (cwe := _cwe(rule)) is not None}
        for result in run["results"]:
            cwe = cwes.get(result["ruleId"])
            if cwe is None:
                continue
            place = result["locations"][0]["physicalLocation"]
            number = int(Path(place["artifactLocation"]["uri"]).stem)
            line = place["region"]["startLine"]
            findings[number].append(Finding("codeql", result["ruleId"], cwe, line, result["message"]["text"]))
    return findings


def _rules(tool: Any) -> Iterator[Any]:
    # Queries from packs are listed under extensions, built-in ones under the driver.
    for component in [tool["driver"], *tool.get("extensions", [])]:
        yield from component.get("rules", [])


def _cwe(rule: Any) -> int | None:
    tags = (_TAG.fullmatch(tag) for tag in rule.get("properties", {}).get("tags", []))
    numbers = (int(tag[1]) for tag in tags if tag)
    return next((number for number in numbers if weakness_of(number)), None)
