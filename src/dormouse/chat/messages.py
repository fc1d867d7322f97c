"""`Messages`: a conversation as chat templates take it."""

from __future__ import annotations

Message = dict[str, str]
"""One turn: `{"role": "system" | "user" | "assistant", "content": text}`."""

Messages = list[Message]
