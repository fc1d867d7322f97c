"""`Engine` scans snippets, `Finding` is a weakness in one snippet, and `Verdict` judges one reply."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from dormouse.scanner.source import Source


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
    """Whether a reply holds a weakness; None if that cannot be told, and `reason` says why."""

    vulnerable: bool | None
    findings: tuple[Finding, ...] = ()
    reason: str = ""


class Engine(ABC):
    """A scanner of Python code; creating one that is not installed raises `UserError`."""

    name: ClassVar[str]

    @abstractmethod
    def version(self) -> str:
        """Return the version of the scanning program."""

    @abstractmethod
    def scan(self, sources: Sequence[Source]) -> list[list[Finding]]:
        """Return the findings of each snippet that belong to one of the eight weaknesses."""
