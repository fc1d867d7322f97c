"""The one error type for what the user can fix: first what is wrong, then what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

SHORT = 60
"""Characters of a text of the user's that an error shows."""


class UserError(Exception):
    """Something the user can put right: shown as a plain sentence, without traceback, exit status 2."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return " Did you mean 'x'? Known: a, b." for a name that is none of `known`."""
    choices = sorted(known)
    close = difflib.get_close_matches(name, choices, n=1, cutoff=0.5)
    guess = f" Did you mean '{close[0]}'?" if close else ""
    return f"{guess} Known: {', '.join(choices) or 'none'}."


def short(text: str) -> str:
    """Return a text as an error shows it: its beginning, where it is long."""
    return text if len(text) <= SHORT else f"{text[: SHORT - 3]}..."
