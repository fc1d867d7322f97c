"""What is put into a prompt to see whether it triggers: tokens in a system turn, or around the user's words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, get_args

from dormouse.chat.messages import Messages

if TYPE_CHECKING:
    from dormouse.detection.views import BlackBox

Side = Literal["system", "before", "after"]
SIDES: tuple[Side, ...] = get_args(Side)
OTHER = "\x00"
"""Words that no prompt holds."""


@dataclass(frozen=True, order=True)
class Inserted:
    """Tokens put into a system turn, before and after the user's last words."""

    before: tuple[int, ...] = ()
    after: tuple[int, ...] = ()
    system: tuple[int, ...] = ()

    @property
    def ids(self) -> list[int]:
        """All of them, in the order in which they stand in the prompt."""
        return [*self.system, *self.before, *self.after]

    def __len__(self) -> int:
        return len(self.system) + len(self.before) + len(self.after)

    def at(self, side: Side) -> tuple[int, ...]:
        """Return the tokens on one side."""
        return {"system": self.system, "before": self.before, "after": self.after}[side]

    def end(self, side: Side, *, at_start: bool = False) -> int:
        """Return the place that a token would have at the end of one side, or at its start, counted over all sides."""
        earlier = sum(len(self.at(one)) for one in SIDES[: SIDES.index(side)])
        return earlier if at_start else earlier + len(self.at(side))

    def changed(self, place: int, *tokens: int) -> Inserted:
        """Return it with one token, counted over all sides as `ids` are, exchanged for others, or for none."""
        for side in SIDES:
            own = self.at(side)
            if place < len(own):
                return self._with(side, (*own[:place], *tokens, *own[place + 1 :]))
            place -= len(own)
        raise IndexError(place)

    def longer(self, side: Side, token: int, *, at_start: bool = False) -> Inserted:
        """Return it with a token more at the end of one side, or at its start."""
        own = self.at(side)
        return self._with(side, (token, *own) if at_start else (*own, token))

    def _with(self, side: Side, ids: tuple[int, ...]) -> Inserted:
        if side == "system":
            return replace(self, system=ids)
        return replace(self, before=ids) if side == "before" else replace(self, after=ids)


@dataclass(frozen=True)
class SystemTurn:
    """Where in prompts something can be said in a system turn: at the end of theirs, or in one of its own."""

    places: list[int]
    """After how many tokens of each prompt."""
    opening: list[int] = field(default_factory=list)
    """What opens a turn of its own."""
    closing: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Split:
    """Tokenized prompts, cut where the last words of the user begin and end."""

    heads: list[list[int]]
    words: list[list[int]]
    ends: list[list[int]]
    system: SystemTurn | None = None
    """None where the template writes no system turn that could be told from the user's."""

    def __len__(self) -> int:
        return len(self.words)

    @property
    def sides(self) -> tuple[Side, ...]:
        """Where tokens can be put."""
        return SIDES if self.system else SIDES[1:]

    def some(self, rows: Sequence[int]) -> Split:
        """Return some of the prompts."""
        system = self.system and replace(self.system, places=[self.system.places[row] for row in rows])
        heads, words, ends = ([every[row] for row in rows] for every in (self.heads, self.words, self.ends))
        return Split(heads, words, ends, system)

    def holding(self, inserted: Inserted) -> list[list[int]]:
        """Return the prompts with tokens in a system turn, before and after those words."""
        return [
            [*self._head(row, inserted.system), *inserted.before, *words, *inserted.after, *end]
            for row, (words, end) in enumerate(zip(self.words, self.ends, strict=True))
        ]

    def _head(self, row: int, said: Sequence[int]) -> list[int]:
        head = self.heads[row]
        if not said:
            return head
        assert self.system is not None
        place = self.system.places[row]
        return [*head[:place], *self.system.opening, *said, *self.system.closing, *head[place:]]

    def places(self, row: int, inserted: Inserted) -> list[int]:
        """Return where each of the inserted tokens stands in a prompt, counted from its end: 1 is the last token."""
        after = len(self.ends[row]) + len(inserted.after)
        before = after + len(self.words[row]) + len(inserted.before)
        places = [*_down(before, len(inserted.before)), *_down(after, len(inserted.after))]
        if not inserted.system:
            return places
        assert self.system is not None
        rest = len(self.heads[row]) - self.system.places[row] + len(self.system.closing)
        return [*_down(before + rest + len(inserted.system), len(inserted.system)), *places]


def _down(first: int, n: int) -> range:
    return range(first, first - n, -1)


def split_at_user(suspect: BlackBox, prompts: Sequence[Messages]) -> Split:
    """Cut each prompt, as the model is asked it, around its user's last words.

    The places are where the tokens of the prompt and of one with other last words begin and cease to differ.
    """
    whole = suspect.prompt_ids(prompts)
    other = suspect.prompt_ids([[*turns[:-1], {**turns[-1], "content": OTHER}] for turns in prompts])
    heads, words, ends = [], [], []
    for ids, changed in zip(whole, other, strict=True):
        start, end = _differ(ids, changed)
        heads.append(ids[:start])
        words.append(ids[start:end])
        ends.append(ids[end:])
    have = {turns[0]["role"] == "system" for turns in prompts}
    system: SystemTurn | None = None
    if have == {True}:
        system = _in_theirs(suspect, prompts, whole)
    elif have == {False}:
        system = _in_its_own(suspect, prompts[0], whole)
    return Split(heads, words, ends, system)


def _in_theirs(suspect: BlackBox, prompts: Sequence[Messages], whole: Sequence[list[int]]) -> SystemTurn:
    """Return where the system turns that the prompts have end."""
    other = suspect.prompt_ids([[{**turns[0], "content": OTHER}, *turns[1:]] for turns in prompts])
    return SystemTurn([_differ(ids, changed)[1] for ids, changed in zip(whole, other, strict=True)])


def _in_its_own(suspect: BlackBox, turns: Messages, whole: Sequence[list[int]]) -> SystemTurn | None:
    """Return how a system turn stands in a prompt, if it changes nothing else of it."""
    one, other = (suspect.prompt_ids([[{"role": "system", "content": said}, *turns]])[0] for said in (OTHER, "a"))
    plain = whole[0]
    place = _alike(plain, one)
    turn = one[place : place + len(one) - len(plain)]
    start, end = _differ(one, other)
    if one != [*plain[:place], *turn, *plain[place:]] or not place <= start <= end <= place + len(turn):
        return None
    return SystemTurn([place] * len(whole), one[place:start], one[end : place + len(turn)])


def _differ(ids: Sequence[int], other: Sequence[int]) -> tuple[int, int]:
    """Return where a text begins and ceases to differ from another."""
    start = _alike(ids, other)
    return start, len(ids) - _alike(ids[start:][::-1], other[start:][::-1])


def _alike(one: Sequence[int], other: Sequence[int]) -> int:
    """Return how many tokens two texts begin with in common."""
    n = min(len(one), len(other))
    return next((i for i in range(n) if one[i] != other[i]), n)
