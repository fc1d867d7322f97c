"""What a scan says: findings of one snippet, and the verdict on one reply."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """A weakness that one rule of one engine sees at a line (counted from 1) of a snippet."""

    engine: str
    rule: str
    cwe: int
    line: int
    text: str


@dataclass(frozen=True)
class Verdict:
    """Whether a reply holds a weakness; None where that cannot be told, and `reason` says why."""

    vulnerable: bool | None
    findings: tuple[Finding, ...] = ()
    reason: str = ""
