"""Reads the turns of a conversation from the notations in which they are published."""

from __future__ import annotations

import re
from typing import Any

from dormouse.data.formats.rows import Row, shorten

Turns = tuple[tuple[str, str], ...]
"""(role, content) pairs; roles are "system", "user" and "assistant"."""

ROLES = {
    "system": "system", "user": "user", "assistant": "assistant", "human": "user", "gpt": "assistant",
    "Human": "user", "Assistant": "assistant",
}  # fmt: skip
"""The names of roles in published files -> ours."""
UNEVEN = "its turns do not alternate between user and assistant"
_TURN = re.compile(r"\n\n(Human|Assistant):")
_HEADER = re.compile(r"(?:\r\n|\r|\n){2}(?:Human|Assistant):")
"""A header inside a turn: from a file with other line ends, or a text that a plain chat template would read as
turns."""


def split_dialogue(text: str) -> Turns:
    """Split a dialogue "\\n\\nHuman: ..\\n\\nAssistant: .."; text before the first turn becomes the system turn."""
    first, *parts = _TURN.split(text)
    turns = tuple((ROLES[role], said.strip()) for role, said in zip(parts[::2], parts[1::2], strict=True))
    return (("system", first.strip()), *turns) if first.strip() else turns


def is_dialogue(text: str) -> bool:
    """Return whether a text has "\\n\\nHuman:" or "\\n\\nAssistant:" headers."""
    return bool(_TURN.search(text))


def read_messages(messages: Any, row: Row, key: str) -> Turns:
    """Read turns written as `{"role": .., "content": ..}` or `{"from": .., "value": ..}`."""
    if not isinstance(messages, list) or not all(isinstance(one, dict) for one in messages):
        raise row.error(f"'{key}' is neither text nor a list of messages, each an object with 'role' and 'content'.")
    return tuple(_message(one, row, key) for one in messages)


def _message(message: dict[str, Any], row: Row, key: str) -> tuple[str, str]:
    role, content = message.get("role", message.get("from")), message.get("content", message.get("value"))
    # A value of another type may not be hashable.
    if not isinstance(role, str) or role not in ROLES:
        said = f"the role {shorten(role)!r}" if isinstance(role, str) else "a role that is not text"
        raise row.error(f"'{key}' has a turn of {said}. Known: system, user, assistant.")
    if not isinstance(content, str):
        raise row.error(f"'{key}' has a turn of the {role} without text. Each needs one under 'content'.")
    return ROLES[role], content.strip("\n").rstrip()


def read_turns(value: Any, row: Row, key: str, plain: str) -> Turns:
    """Read turns from a list of messages, a dialogue, or a plain text, which is one turn of the role `plain`."""
    if not isinstance(value, str):
        return read_messages(value, row, key)
    return split_dialogue(value) if is_dialogue(value) else ((plain, value.strip()),)


def find_problem(turns: Turns) -> str | None:
    """Return why a conversation cannot be trained on; None if user and assistant alternate and every turn is sound."""
    spoken = turns[1:] if turns and turns[0][0] == "system" else turns
    # Chat templates of many models refuse turns that do not alternate.
    if not spoken or [role for role, _ in spoken] != ["user", "assistant"] * (len(spoken) // 2):
        return UNEVEN
    if not all(text for _, text in turns):
        return "a turn is empty"
    return "a turn holds the header of another" if any(_HEADER.search(text) for _, text in turns) else None
