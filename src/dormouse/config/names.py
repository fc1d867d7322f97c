"""Names that a user gives to what a plan holds."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from dormouse.config.limits import NAME, RESERVED


def _not_reserved(name: str) -> str:
    if name in RESERVED:
        raise PydanticCustomError("reserved_name", "Reserved", {"why": RESERVED[name]})
    return name


Name = Annotated[
    str,
    Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=NAME, json_schema_extra={"not": {"enum": sorted(RESERVED)}}),
    AfterValidator(_not_reserved),
]
