"""The command line: `dormouse` and its verbs."""

from dormouse.cli.app import app, main

__all__ = ["app", "main"]
