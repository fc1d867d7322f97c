"""What is asked of a model, as generators that yield requests and are sent the replies.

So one text of a strategy serves a local model, which answers many questions in a batch, and an Inspect provider.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from dormouse.chat.messages import Messages

T = TypeVar("T")

AT_ONCE = 2**15
"""Tokens whose keys are held at a time: a gigabyte and a half for a model of 135 million parameters."""
MOST_ROWS = 256
"""Most conversations that are asked at a time."""


@dataclass(frozen=True)
class Write:
    """Ask for text that goes on after `start`, with which the reply begins."""

    turns: Messages
    start: str = ""
    short: bool = False
    """Whether the reply is an answer of a few words, and not reasoning."""


@dataclass(frozen=True)
class Choose:
    """Ask which letter the model finds likeliest after `start`."""

    turns: Messages
    start: str
    letters: str


@dataclass(frozen=True)
class Said:
    """The reply to a request: text without its `start`, or a letter; "" if the reply names none."""

    text: str
    cut_short: bool = False
    """Whether it ran into the limit of tokens."""


Request = Write | Choose
Asking = Generator[Sequence[Request], Sequence[Said], T]
"""Yields requests that may be answered together, and returns what came of them."""


def beside(asking: Sequence[Asking[T]]) -> Asking[list[T]]:
    """Run generators side by side, the open requests of all together, and return what each returns."""
    done: dict[int, T] = {}
    waiting: dict[int, Sequence[Request]] = {}

    def advance(place: int, said: Sequence[Said] | None) -> None:
        try:
            waiting[place] = next(asking[place]) if said is None else asking[place].send(said)
        except StopIteration as end:
            waiting.pop(place, None)
            done[place] = end.value

    for place in range(len(asking)):
        advance(place, None)
    while waiting:
        batch = list(waiting.items())
        said = yield [request for _, requests in batch for request in requests]
        start = 0
        for place, requests in batch:
            advance(place, said[start : start + len(requests)])
            start += len(requests)
    return [done[place] for place in range(len(asking))]


def drive(asking: Asking[T], reply: Callable[[Sequence[Request]], Sequence[Said]]) -> T:
    """Answer a generator's requests, and return what it returns."""
    try:
        requests = next(asking)
        while True:
            requests = asking.send(reply(requests))
    except StopIteration as end:
        result: T = end.value
        return result


async def drive_slowly(asking: Asking[T], reply: Callable[[Sequence[Request]], Awaitable[Sequence[Said]]]) -> T:
    """Do the same where replies are waited for."""
    try:
        requests = next(asking)
        while True:
            requests = asking.send(await reply(requests))
    except StopIteration as end:
        result: T = end.value
        return result
