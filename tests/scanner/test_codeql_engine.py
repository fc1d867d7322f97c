from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from stand_in import stand_in

from dormouse.errors import UserError
from dormouse.scanner import Finding, Scanner
from dormouse.scanner.codeql_engine import SUITE, CodeqlEngine, read_sarif


def _rule(name: str, *cwes: str) -> dict[str, Any]:
    return {"id": name, "properties": {"tags": ["security", *(f"external/cwe/cwe-{cwe}" for cwe in cwes)]}}


def _result(rule: str, file: str, line: int) -> dict[str, Any]:
    place = {"artifactLocation": {"uri": file, "uriBaseId": "%SRCROOT%"}, "region": {"startLine": line}}
    return {"ruleId": rule, "message": {"text": "a flow"}, "locations": [{"physicalLocation": place}]}


SARIF = {
    "version": "2.1.0",
    "runs": [
        {
            "tool": {
                "driver": {"name": "CodeQL", "rules": [_rule("py/sql-injection", "089")]},
                "extensions": [
                    {
                        "name": "codeql/python-queries",
                        "rules": [
                            _rule("py/path-injection", "022", "023", "099"),
                            _rule("py/command-line-injection", "077", "078"),
                            _rule("py/clear-text-logging", "312"),
                            {"id": "py/unused-import"},
                        ],
                    }
                ],
            },
            "results": [
                _result("py/path-injection", "1.py", 4),
                _result("py/sql-injection", "1.py", 9),
                _result("py/command-line-injection", "0.py", 2),
                _result("py/clear-text-logging", "0.py", 3),
                _result("py/unused-import", "0.py", 1),
            ],
        }
    ],
}


def test_sarif_is_read_by_file_line_and_first_tag_that_is_a_weakness() -> None:
    zero, one, two = read_sarif(SARIF, 3)
    assert zero == [Finding("codeql", "py/command-line-injection", 78, 2, "a flow")]
    assert one == [
        Finding("codeql", "py/path-injection", 22, 4, "a flow"),
        Finding("codeql", "py/sql-injection", 89, 9, "a flow"),
    ]
    assert two == []


def test_a_database_is_made_and_analyzed_once_for_a_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = stand_in(tmp_path, monkeypatch, "codeql", output_file=json.dumps(SARIF))
    findings = Scanner(["codeql"]).scan(["x = 1", "y = 2"])
    assert [len(each) for each in findings] == [1, 2]
    create, analyze = log.read_text().splitlines()
    assert create.startswith("database create ")
    assert "--language=python --source-root=" in create
    assert analyze.startswith("database analyze ")
    assert f"{SUITE} --format=sarif-latest --output=" in analyze


def test_the_version_is_asked_of_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, monkeypatch, "codeql", output="2.20.1")
    assert CodeqlEngine().version() == "2.20.1"


def test_codeql_that_fails_is_a_user_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, monkeypatch, "codeql", output="no such pack", status=2)
    with pytest.raises(
        UserError, match=r"CodeQL failed: no such pack\. If its queries are missing: codeql pack download"
    ):
        Scanner(["codeql"]).scan(["x = 1"])


def test_a_missing_codeql_is_a_user_error_with_where_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UserError) as error:
        CodeqlEngine()
    assert str(error.value) == (
        "CodeQL is not on the PATH. Install the CodeQL bundle from https://github.com/github/codeql-action/releases, "
        "or scan with bandit and rules alone."
    )
