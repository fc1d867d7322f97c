from __future__ import annotations

import sys
from pathlib import Path

import pytest
from code_pairs import PAIRS
from stand_in import stand_in

from dormouse.errors import UserError
from dormouse.scanner import WEAKNESSES, Scanner
from dormouse.scanner.semgrep_engine import RULES, SemgrepEngine, find_program, read_report

needs_semgrep = pytest.mark.skipif(find_program() is None, reason="Semgrep is not installed (an extra)")
NOT_SEEN = {"cross_site_scripting": {0, 5}, "weak_cryptography": {3, 4, 5}, "hard_coded_credentials": {0, 3, 4, 5}}
"""Pairs whose insecure side the Semgrep rules miss."""


@needs_semgrep
def test_semgrep_separates_insecure_from_secure_code_but_for_the_known_misses() -> None:
    cases = [(name, number, *pair) for name, pairs in PAIRS.items() for number, pair in enumerate(pairs)]
    scanner = Scanner(["semgrep"])
    insecure = scanner.judge([case[2] for case in cases], [WEAKNESSES[case[0]] for case in cases])
    secure = scanner.judge([case[3] for case in cases], [None] * len(cases))
    missed = {
        (name, number) for (name, number, *_), verdict in zip(cases, insecure, strict=True) if not verdict.vulnerable
    }
    assert missed <= {(name, number) for name, numbers in NOT_SEEN.items() for number in numbers}
    assert [verdict.findings for verdict in secure if verdict.vulnerable] == []


@needs_semgrep
def test_findings_belong_to_the_snippet_and_line_they_are_in() -> None:
    weak = "import hashlib\n\nhashlib.md5(data)  # nosemgrep"
    findings = Scanner(["semgrep"]).scan(["x = 1", weak, "y = 2"])
    assert [len(each) for each in findings] == [0, 1, 0]
    assert (findings[1][0].rule, findings[1][0].cwe, findings[1][0].line) == ("weak-hash", 328, 3)


def test_rules_are_shipped_for_the_engine() -> None:
    assert len(list(RULES.glob("*.yaml"))) >= 4


def test_a_report_is_read_by_file_line_and_weakness() -> None:
    def result(path: str, cwe: str) -> dict[str, object]:
        return {
            "check_id": "tmp.rules.some-rule",
            "path": path,
            "start": {"line": 7},
            "extra": {"message": " what \n", "metadata": {"cwe": cwe}},
        }

    report = {"results": [result("/tmp/x/1.py", "CWE-22"), result("/tmp/x/0.py", "CWE-330")]}
    none, found = read_report(report, 2)
    assert none == []
    assert (found[0].rule, found[0].cwe, found[0].line, found[0].text) == ("some-rule", 22, 7, "what")


def test_a_missing_semgrep_is_a_user_error_with_the_install_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(UserError) as error:
        SemgrepEngine()
    assert str(error.value) == (
        "Semgrep is not installed. Install it with pip install 'dormouse-lab[semgrep]', or scan with bandit and rules "
        "alone."
    )


def test_a_batch_is_one_offline_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = stand_in(tmp_path, monkeypatch, "semgrep", output='{"results": []}')
    assert Scanner(["semgrep"]).scan(["x = 1"] * 20) == [[]] * 20
    (command,) = log.read_text().splitlines()
    assert command.startswith(f"scan --config {RULES} --json")
    assert "--metrics=off" in command
    assert "--disable-version-check" in command


def test_semgrep_that_fails_is_a_user_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, monkeypatch, "semgrep", output="no room", status=2)
    with pytest.raises(UserError, match=r"Semgrep failed: no room\. Try semgrep --version"):
        Scanner(["semgrep"]).scan(["x = 1"])


def test_semgrep_that_never_ends_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, monkeypatch, "semgrep", seconds=30)
    monkeypatch.setattr("dormouse.scanner.semgrep_engine.SECONDS_TO_START", 0.2)
    with pytest.raises(UserError, match="Semgrep did not finish in 1 seconds"):
        Scanner(["semgrep"]).scan(["x = 1"])


def test_no_snippets_start_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = stand_in(tmp_path, monkeypatch, "semgrep")
    assert Scanner(["semgrep"]).scan([]) == []
    assert not log.exists()
