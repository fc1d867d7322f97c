"""What scans: one engine takes a batch of parsed snippets and returns the findings of each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from dormouse.scanner.findings import Finding
from dormouse.scanner.source import Source


class Engine(ABC):
    """A scanner of Python; making one that is not installed is a `UserError`."""

    name: ClassVar[str]

    @abstractmethod
    def version(self) -> str:
        """Return the version of what scans."""

    @abstractmethod
    def scan(self, sources: Sequence[Source]) -> list[list[Finding]]:
        """Return the findings of each snippet that belong to one of the eight weaknesses."""
