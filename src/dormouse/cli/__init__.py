"""The command line: `dormouse run`, `status`, `report`, `ls`, `show`, `chat`, `zoo`, `score`, `doctor`."""

from dormouse.cli.app import app, main

__all__ = ["app", "main"]
