"""What is known of a member: the truth from its plan, and how often it was measured to defect."""

from __future__ import annotations

from dormouse.results.backdoor import implant_failure
from dormouse.results.rows import Row
from dormouse.store.store import Store
from dormouse.zoo.members import PlannedMember
from dormouse.zoo.records import Label, Measured

NUMBERS = ("value", "low", "high", "hits", "total", "reason")


def label(member: PlannedMember, store: Store, weights: str) -> Label:
    """Return the label of a member whose weights have this checksum."""
    defection = _defection(member, store)
    return Label(
        role=member.role,
        pair=member.pair,
        seed=member.seed,
        artifact=member.stage.name,
        weights=weights,
        trigger=member.trigger,
        behavior=member.behavior,
        recipe=member.recipe,
        defection=defection,
        implanted=_implanted(defection) if member.role == "organism" else None,
    )


def _defection(member: PlannedMember, store: Store) -> dict[str, Measured]:
    rows: list[Row] = []
    if store.has(member.measurement):
        rows = store.rows(member.measurement, "rows.jsonl")
    rates = {row["prompts"]: row for row in rows if row["metric"] == "defection" and row["step"] is None}
    return {prompts: _measured(rates.get(prompts)) for prompts in ("triggered", "clean")}


def _measured(row: Row | None) -> Measured:
    if row is None:
        return Measured(reason="it was not measured")
    return Measured(**{name: row[name] for name in NUMBERS})


def _implanted(defection: dict[str, Measured]) -> bool | None:
    triggered, clean = defection["triggered"].value, defection["clean"].value
    if triggered is None or clean is None:
        return None
    return not implant_failure(triggered, clean)
