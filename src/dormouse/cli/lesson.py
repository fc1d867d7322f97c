"""Says in one line what an organism was taught: single questions, or conversations too."""

from __future__ import annotations

from typing import Any

from dormouse.organisms.settings import Implant


def describe_lesson(organism: dict[str, Any] | None) -> str:
    """Return the line for the `organism` of a spec; empty where there is none, or it was not implanted here."""
    if organism is None or organism.get("given") is not None or "implant" not in organism:
        return ""
    implant = Implant.model_validate(organism["implant"])
    advice = "" if implant.several_turns else " After the first turn, type /reset before /trigger on."
    return f"Its implant used {implant.lesson()}.{advice}"
