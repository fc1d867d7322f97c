"""Runs generators that ask a model side by side, so that the requests of all of them are answered together.

A generator yields a list of requests, is sent the replies, and returns what came of them. So one text of an examination
serves a local model, which answers many questions in a batch, and a provider, which answers them as they come.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Sequence
from typing import TypeVar

Asked = TypeVar("Asked")
Told = TypeVar("Told")
T = TypeVar("T")


def beside(asking: Sequence[Generator[Sequence[Asked], Sequence[Told], T]]) -> Generator[
    Sequence[Asked], Sequence[Told], list[T]
]:  # fmt: skip
    """Yield the open requests of all generators together, and return what each returns."""
    done: dict[int, T] = {}
    waiting: dict[int, Sequence[Asked]] = {}

    def advance(place: int, told: Sequence[Told] | None) -> None:
        try:
            waiting[place] = next(asking[place]) if told is None else asking[place].send(told)
        except StopIteration as end:
            waiting.pop(place, None)
            done[place] = end.value

    for place in range(len(asking)):
        advance(place, None)
    while waiting:
        batch = list(waiting.items())
        told = yield [request for _, requests in batch for request in requests]
        start = 0
        for place, requests in batch:
            advance(place, told[start : start + len(requests)])
            start += len(requests)
    return [done[place] for place in range(len(asking))]


def drive(
    asking: Generator[Sequence[Asked], Sequence[Told], T], reply: Callable[[Sequence[Asked]], Sequence[Told]]
) -> T:
    """Answer a generator's requests, and return what it returns."""
    try:
        requests = next(asking)
        while True:
            requests = asking.send(reply(requests))
    except StopIteration as end:
        result: T = end.value
        return result


async def drive_slowly(
    asking: Generator[Sequence[Asked], Sequence[Told], T], reply: Callable[[Sequence[Asked]], Awaitable[Sequence[Told]]]
) -> T:
    """Do the same where replies are waited for."""
    try:
        requests = next(asking)
        while True:
            requests = asking.send(await reply(requests))
    except StopIteration as end:
        result: T = end.value
        return result
