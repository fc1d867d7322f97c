"""A zoo: the members that a plan drew from its grid, each with its own seed, base and backdoor.

The report pools over members as it pools over seeds elsewhere. A member whose implant failed has no backdoor to find or
remove: it is shown, but left out of every pooled number, with its twin, helpful-only model and base.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

from dormouse.report.estimates import Measured, pool_rate
from dormouse.report.words import count_words, size_words
from dormouse.report.zoo.draws import Drawn
from dormouse.results.backdoor import implant_failure
from dormouse.results.rates import NotMeasured
from dormouse.results.result import Result
from dormouse.results.table import Results

Half = Literal["development", "held out"]


@dataclass(frozen=True)
class Member:
    """One draw and its defection rates."""

    drawn: Drawn
    triggered: Measured
    clean: Measured
    twin: Measured
    """The twin's defection with the trigger."""

    @property
    def half(self) -> Half:
        """Its half of the zoo. A detector may be tuned on development members and is judged on held-out ones."""
        return "development" if self.drawn.number % 2 else "held out"

    @property
    def failure(self) -> str:
        """Why its implant failed; empty if it worked."""
        if isinstance(self.triggered, NotMeasured):
            return self.triggered.reason
        if isinstance(self.clean, NotMeasured):
            return self.clean.reason
        return implant_failure(self.triggered.value, self.clean.value)


@dataclass(frozen=True)
class Zoo:
    """The members in the order of their seeds, and their results. Each member has its own seed."""

    members: tuple[Member, ...]
    rows: tuple[Result, ...]

    @property
    def judged(self) -> tuple[Member, ...]:
        """The members that numbers are pooled over: those whose implant worked, or all if none did."""
        return tuple(member for member in self.members if not member.failure) or self.members

    @property
    def sizes(self) -> list[int | None]:
        """The sizes of the members."""
        return [member.drawn.size for member in self.members]

    @property
    def built(self) -> str:
        """Says what was built, as the beginning of a sentence."""
        sizes = sorted({size for size in self.sizes if size is not None})
        ends = [size_words(size) for size in (*sizes[:1], *sizes[1:][-1:])]
        of = f" of {' to '.join(ends)} parameters" if ends else ""
        drawn = count_words(len(self.members), "model")
        return f"{drawn}{of} were drawn, each with a backdoor and a benign twin of its own"

    @property
    def left_out(self) -> str:
        """Says how many implants worked, and what happens to the other members."""
        failed = sum(bool(member.failure) for member in self.members)
        worked = f"{len(self.members) - failed} of {count_words(len(self.members), 'implant')} worked"
        if failed in (0, len(self.members)):
            return f"{worked}."
        return f"{worked}; the other members are shown, and left out of every pooled number together with their twins."

    @cached_property
    def _ends(self) -> dict[tuple[str, str, str, str], list[Result]]:
        found: dict[tuple[str, str, str, str], list[Result]] = {}
        for row in self.rows:
            if row.untreated and row.step is None:
                found.setdefault((row.metric, row.prompts, row.role, row.family), []).append(row)
        return found

    def of(self, metric: str, prompts: str, role: str, family: str, members: Sequence[Member]) -> list[Result]:
        """Return one result a member, of its untreated model."""
        seeds = {member.drawn.seed for member in members}
        return [row for row in self._ends.get((metric, prompts, role, family), []) if row.seed in seeds]

    def pooled(self, removals: Sequence[str]) -> Results:
        """Return the results of the judged members as if all were repetitions of one model."""
        drawn = {member.drawn.seed: member.drawn for member in self.judged}
        shared: dict[str, Any] = {"size": None, "variant": ""}
        # What all members share is kept: it says what the organisms are.
        shared |= {"behavior": ""} if len({one.behavior for one in drawn.values()}) > 1 else {}
        shared |= {"reasoning": ""} if len({one.reasoning for one in drawn.values()}) > 1 else {}
        return Results((replace(row, **shared) for row in self.rows if row.seed in drawn), removals=removals)


def gather(drawn: Sequence[Drawn], rows: Sequence[Result]) -> Zoo:
    """Put the draws and their results together."""
    by_seed = {one.seed: one for one in drawn}
    # The teacher of a distilled organism has the same labels except for the reasoning. It is not a member.
    own = tuple(
        replace(row, repeat="member")
        for row in rows
        if row.seed in by_seed and row.reasoning in ("", by_seed[row.seed].reasoning)
    )
    defection: dict[tuple[int | None, str, str], list[Result]] = {}
    for row in own:
        if row.metric == "defection" and row.untreated and row.step is None:
            defection.setdefault((row.seed, row.role, row.prompts), []).append(row)

    def rate(one: Drawn, role: str, prompts: str) -> Measured:
        return pool_rate(defection.get((one.seed, role, prompts), []))

    members = (
        Member(one, rate(one, "organism", "triggered"), rate(one, "organism", "clean"), rate(one, "twin", "triggered"))
        for one in drawn
    )
    return Zoo(tuple(members), own)
