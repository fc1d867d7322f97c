"""Bounds of a number: what its field declares, and the limit that holds for every setting of its name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from annotated_types import Ge, Gt, Le, Lt

from dormouse.config.limits import SETTINGS, Limit


@dataclass(frozen=True)
class Bounds:
    """Where a number may lie; None is no bound."""

    least: float | None = None
    above: float | None = None
    """It must be more than that."""
    most: float | None = None
    below: float | None = None
    """It must be less than that."""
    gaps: tuple[tuple[float, float], ...] = ()
    """Open intervals within which it must not lie: 0 may be allowed and 1e-12 not."""

    def keywords(self) -> dict[str, Any]:
        """Say it in JSON Schema."""
        limits = {
            "minimum": self.least,
            "exclusiveMinimum": self.above,
            "maximum": self.most,
            "exclusiveMaximum": self.below,
        }
        said: dict[str, Any] = {key: shorten(value) for key, value in limits.items() if value is not None}
        gaps = [{"exclusiveMinimum": shorten(low), "exclusiveMaximum": shorten(high)} for low, high in self.gaps]
        if gaps:
            said["not"] = gaps[0] if len(gaps) == 1 else {"anyOf": gaps}
        return said


def shorten(number: float) -> float:
    """Write 1.0 as 1."""
    return int(number) if float(number).is_integer() else number


def find_bounds(name: str, metadata: Sequence[Any]) -> Bounds:
    """Find the bounds of a setting from its name and the metadata of its field."""
    bounds = Bounds(
        least=max((_to_float(one.ge) for one in metadata if isinstance(one, Ge)), default=None),
        above=max((_to_float(one.gt) for one in metadata if isinstance(one, Gt)), default=None),
        most=min((_to_float(one.le) for one in metadata if isinstance(one, Le)), default=None),
        below=min((_to_float(one.lt) for one in metadata if isinstance(one, Lt)), default=None),
    )
    return _apply_limit(bounds, SETTINGS[name]) if name in SETTINGS else bounds


def _to_float(bound: Any) -> float:
    return float(bound)


def _apply_limit(bounds: Bounds, limit: Limit) -> Bounds:
    most = limit.most if bounds.most is None else min(bounds.most, limit.most)
    bounds = replace(bounds, most=most)
    if limit.least:
        bounds = _exclude_tiny(bounds, limit.least)
    return _exclude_nearly_all(bounds, 1 - limit.least) if limit.is_share else bounds


def _exclude_tiny(bounds: Bounds, least: float) -> Bounds:
    """Leave out what lies between 0 and `least`."""
    if bounds.above is not None and 0 <= bounds.above < least:
        return replace(bounds, above=None, least=least)
    if bounds.least is not None and bounds.least > 0:
        return replace(bounds, least=max(bounds.least, least))
    return replace(bounds, gaps=(*bounds.gaps, (0.0, least)))


def _exclude_nearly_all(bounds: Bounds, most: float) -> Bounds:
    """Leave out what lies between `most` and 1."""
    if bounds.below is not None and most < bounds.below <= 1:
        return replace(bounds, below=None, most=most)
    if bounds.most == 1:
        return replace(bounds, gaps=(*bounds.gaps, (most, 1.0)))
    return replace(bounds, most=most) if bounds.most is not None and bounds.most > most else bounds
