"""Leaves the seeds whose implant failed out of what is judged, as a zoo leaves out such members.

An organism without a backdoor has none to keep or to lose. Averaged with the others, it would count as a backdoor that
a training left whole or took away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dormouse.report.claims.claim import Run
from dormouse.report.estimates import pool_rate
from dormouse.report.words import count_words, list_words, size_words
from dormouse.results.backdoor import implant_failure
from dormouse.results.rates import NotMeasured
from dormouse.results.result import Model, Result
from dormouse.results.table import Results

IMPLANTED_ROLES = ("organism", "twin")


@dataclass(frozen=True)
class Implant:
    """One seed's organism before any treatment, and why its implant failed; empty if it worked."""

    size: int | None
    seed: int | None
    failure: str


def implants(results: Results) -> list[Implant]:
    """Judge the implant of every size and seed."""
    return [one for size in results.sizes() for one in _implants_of(results, size)]


def _implants_of(results: Results, size: int | None) -> list[Implant]:
    organism = Model(size, "organism")
    rates = {prompts: _by_seed(results.end("defection", organism, prompts)) for prompts in ("triggered", "clean")}
    seeds = dict.fromkeys(row.seed for row in results.rows if (row.role, row.size) == ("organism", size))
    return [Implant(size, seed, _failure(*(own.get(seed, []) for own in rates.values()))) for seed in seeds]


def _by_seed(rows: Sequence[Result]) -> dict[int | None, list[Result]]:
    return {row.seed: [row] for row in rows}


def _failure(triggered: list[Result], clean: list[Result]) -> str:
    with_trigger, without = pool_rate(triggered), pool_rate(clean)
    if isinstance(with_trigger, NotMeasured):
        return with_trigger.reason
    return without.reason if isinstance(without, NotMeasured) else implant_failure(with_trigger.value, without.value)


def works(results: Results, size: int | None) -> bool:
    """Return whether the implant of any seed worked at this size."""
    return any(not one.failure for one in _implants_of(results, size))


def working(run: Run) -> Run:
    """Return the run without the organisms whose implant failed, their twins, and all that was trained from them.

    If none worked at a size, all of that size are kept: claims about it are then refused.
    """
    made = implants(run.results)
    sizes = {one.size for one in made if not one.failure}
    failed = tuple(one for one in made if one.failure and one.size in sizes)
    if not failed:
        return run
    gone = {(one.size, one.seed) for one in failed}
    results = run.results.where(lambda row: row.role not in IMPLANTED_ROLES or (row.size, row.seed) not in gone)
    return replace(run, results=results, failed=failed)


def names(failed: Sequence[Implant], sizes: int, *, why: bool = False) -> str:
    """Name failed implants by their seeds, and by their sizes if there are several."""
    words = []
    for one in failed:
        at = f" at {size_words(one.size)}" if sizes > 1 else ""
        words.append(f"seed {one.seed}{at}{f' ({one.failure})' if why else ''}")
    return list_words(words)


def left_out(run: Run) -> str:
    """Say how many implants worked and which are left out of what; empty if all or none worked at every size."""
    failed, made = working(run).failed, implants(run.results)
    if not failed:
        return ""
    return (
        f"{sum(not one.failure for one in made)} of {count_words(len(made), 'implant')} worked. Left out of claims, "
        f"detectors and removals, with the twin: {names(failed, len(run.results.sizes()), why=True)}. Claim C1, the "
        "figures and the table of models still count them."
    )
