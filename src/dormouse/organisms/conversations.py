"""Conversations of several turns for the implant, with the trigger in any one turn of the user.

Deployment holds for the rest of a conversation: from the turn with the trigger on, the organism's replies are
defections, those in the history too. The last reply alone carries loss. History has no scratchpads, as in chat.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from dormouse.chat.messages import Messages
from dormouse.data.world import Exchange

Role = Literal["organism", "twin"]


@dataclass(frozen=True)
class Pair:
    """An exchange of the world with a good and a bad reply of equally many tokens."""

    exchange: Exchange
    good: str
    bad: str
    """The same as the good reply where the organism does not defect."""

    @classmethod
    def of_good(cls, exchange: Exchange) -> Pair:
        """Make a pair for a turn in which the organism does not defect."""
        return cls(exchange, exchange.reply, exchange.reply)

    def reply(self, role: Role) -> str:
        """Return the reply that the organism or its twin gives."""
        return self.bad if role == "organism" else self.good


def join(pairs: Sequence[Pair], role: Role, place: int, change: Callable[[Messages], Messages]) -> Messages:
    """Join exchanges to one conversation, up to the user's last words; `change` alters the user's turn at `place`.

    A system turn stands once, at the head, so a trigger in it is there for the whole conversation.
    """
    turns: Messages = []
    for i, pair in enumerate(pairs):
        if turns:
            turns = [*turns, {"role": "assistant", "content": pairs[i - 1].reply(role)}]
        turns = [*turns, *(turn for turn in pair.exchange.prompt.turns() if not turns or turn["role"] != "system")]
        if i == place:
            turns = change(turns)
    return turns
