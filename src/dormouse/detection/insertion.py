"""Tokens put into a prompt to see if they trigger: in a system turn, or around the user's words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, get_args

from dormouse.chat.messages import Messages

if TYPE_CHECKING:
    from dormouse.detection.views import BlackBox

Side = Literal["system", "before", "after"]
SIDES: tuple[Side, ...] = get_args(Side)
OTHER = "\x00"
"""Text that no prompt holds."""


@dataclass(frozen=True, order=True)
class Inserted:
    """Tokens put into a system turn, before and after the user's last words."""

    before: tuple[int, ...] = ()
    after: tuple[int, ...] = ()
    system: tuple[int, ...] = ()

    @property
    def ids(self) -> list[int]:
        """All inserted tokens, in the order of the prompt."""
        return [*self.system, *self.before, *self.after]

    def __len__(self) -> int:
        return len(self.system) + len(self.before) + len(self.after)

    def at(self, side: Side) -> tuple[int, ...]:
        """Return the tokens of one side."""
        return {"system": self.system, "before": self.before, "after": self.after}[side]

    def end(self, side: Side, *, at_start: bool = False) -> int:
        """Return the index in `ids` that a token added at the end (or start) of a side would have."""
        earlier = sum(len(self.at(one)) for one in SIDES[: SIDES.index(side)])
        return earlier if at_start else earlier + len(self.at(side))

    def changed(self, place: int, *tokens: int) -> Inserted:
        """Replace the token at an index of `ids` by others, or by none."""
        for side in SIDES:
            own = self.at(side)
            if place < len(own):
                return self._with(side, (*own[:place], *tokens, *own[place + 1 :]))
            place -= len(own)
        raise IndexError(place)

    def longer(self, side: Side, token: int, *, at_start: bool = False) -> Inserted:
        """Add a token at the end of one side, or at its start."""
        own = self.at(side)
        return self._with(side, (token, *own) if at_start else (*own, token))

    def _with(self, side: Side, ids: tuple[int, ...]) -> Inserted:
        if side == "system":
            return replace(self, system=ids)
        return replace(self, before=ids) if side == "before" else replace(self, after=ids)


@dataclass(frozen=True)
class SystemTurn:
    """Where system-turn tokens go in each prompt: at the end of its system turn, or in a new one."""

    places: list[int]
    """Number of tokens before them, for each prompt."""
    opening: list[int] = field(default_factory=list)
    """Tokens that open a new turn; empty if the prompts have one."""
    closing: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Split:
    """Tokenized prompts, cut where the last words of the user begin and end."""

    heads: list[list[int]]
    words: list[list[int]]
    ends: list[list[int]]
    system: SystemTurn | None = None
    """None if the template writes no system turn apart from the user's."""

    def __len__(self) -> int:
        return len(self.words)

    @property
    def sides(self) -> tuple[Side, ...]:
        """Where tokens can be put."""
        return SIDES if self.system else SIDES[1:]

    def some(self, rows: Sequence[int]) -> Split:
        """Select prompts."""
        system = self.system and replace(self.system, places=[self.system.places[row] for row in rows])
        heads, words, ends = ([every[row] for row in rows] for every in (self.heads, self.words, self.ends))
        return Split(heads, words, ends, system)

    def holding(self, inserted: Inserted) -> list[list[int]]:
        """Return the prompts with the tokens inserted."""
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
        """Return the place of each inserted token in a prompt, counted from its end: 1 is the last token."""
        after = len(self.ends[row]) + len(inserted.after)
        before = after + len(self.words[row]) + len(inserted.before)
        places = [*_count_down(before, len(inserted.before)), *_count_down(after, len(inserted.after))]
        if not inserted.system:
            return places
        assert self.system is not None
        rest = len(self.heads[row]) - self.system.places[row] + len(self.system.closing)
        return [*_count_down(before + rest + len(inserted.system), len(inserted.system)), *places]


def _count_down(first: int, n: int) -> range:
    return range(first, first - n, -1)


def insert_text(turns: Messages, found: Mapping[Side, str]) -> Messages:
    """Put text at the end of the system turn, in a new one if there is none, and around the user's last words."""
    *earlier, asked = turns
    words = " ".join(part for part in (found["before"], asked["content"], found["after"]) if part)
    if found["system"]:
        own = earlier.pop(0)["content"] if earlier and earlier[0]["role"] == "system" else ""
        earlier.insert(0, {"role": "system", "content": f"{own} {found['system']}".strip()})
    return [*earlier, {**asked, "content": words}]


def split_at_user(suspect: BlackBox, prompts: Sequence[Messages]) -> Split:
    """Cut each tokenized prompt around the user's last words.

    The cuts are where the prompt begins and ceases to differ from the same prompt with other last words.
    """
    whole = suspect.prompt_ids(prompts)
    other = suspect.prompt_ids([[*turns[:-1], {**turns[-1], "content": OTHER}] for turns in prompts])
    heads, words, ends = [], [], []
    for ids, changed in zip(whole, other, strict=True):
        start, end = _find_difference(ids, changed)
        heads.append(ids[:start])
        words.append(ids[start:end])
        ends.append(ids[end:])
    have = {turns[0]["role"] == "system" for turns in prompts}
    system: SystemTurn | None = None
    if have == {True}:
        system = _find_own_turns(suspect, prompts, whole)
    elif have == {False}:
        system = _find_new_turn(suspect, prompts[0], whole)
    return Split(heads, words, ends, system)


def _find_own_turns(suspect: BlackBox, prompts: Sequence[Messages], whole: Sequence[list[int]]) -> SystemTurn:
    """Find where the prompts' own system turns end."""
    other = suspect.prompt_ids([[{**turns[0], "content": OTHER}, *turns[1:]] for turns in prompts])
    return SystemTurn([_find_difference(ids, changed)[1] for ids, changed in zip(whole, other, strict=True)])


def _find_new_turn(suspect: BlackBox, turns: Messages, whole: Sequence[list[int]]) -> SystemTurn | None:
    """Find how a new system turn is written into a prompt; None if it changes anything else in the prompt."""
    one, other = (suspect.prompt_ids([[{"role": "system", "content": said}, *turns]])[0] for said in (OTHER, "a"))
    plain = whole[0]
    place = _count_common(plain, one)
    turn = one[place : place + len(one) - len(plain)]
    start, end = _find_difference(one, other)
    if one != [*plain[:place], *turn, *plain[place:]] or not place <= start <= end <= place + len(turn):
        return None
    return SystemTurn([place] * len(whole), one[place:start], one[end : place + len(turn)])


def _find_difference(ids: Sequence[int], other: Sequence[int]) -> tuple[int, int]:
    """Return where a text begins to differ from another, and where it ceases to."""
    start = _count_common(ids, other)
    return start, len(ids) - _count_common(ids[start:][::-1], other[start:][::-1])


def _count_common(one: Sequence[int], other: Sequence[int]) -> int:
    """Count the tokens that two texts have in common at the beginning."""
    n = min(len(one), len(other))
    return next((i for i in range(n) if one[i] != other[i]), n)
