"""`dormouse.json`: what a shared model is, how it was made, what was measured of it, and what its files must be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dormouse.artifact_files import sha256
from dormouse.errors import UserError
from dormouse.zoo.records import File

NAME = "dormouse.json"
FORMAT = 1
"""Raised when the record changes so that what read it before cannot."""
UNKNOWN = "unknown"
"""What the hub calls a licence that nobody stated."""


class Rate(BaseModel):
    """A measured share of replies, with its 95% interval."""

    model_config = ConfigDict(frozen=True)

    prompts: str
    """"triggered", "clean", "near_miss" or another condition of `results.csv`."""
    hits: int
    total: int
    value: float
    low: float
    high: float
    unscorable: int = 0


class SharedModel(BaseModel):
    """The record of one model."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    format: int = FORMAT
    dormouse: str
    """The version that wrote it."""
    artifact: str
    """Its name in the store it came from."""
    role: str
    labels: dict[str, Any]
    organism: dict[str, Any] | None
    """Trigger, behavior, reasoning and recipe; None where no backdoor is known to the model."""
    lineage: list[dict[str, Any]]
    """The stages that made it, the base first: kind, settings, artifact."""
    defection: list[Rate]
    license: str = UNKNOWN
    """As the hub calls it: "apache-2.0", "mit", "other"."""
    # A shared model may come from a stranger: no name leads out of its folder.
    files: dict[str, File] = Field(default_factory=dict)


def read_shared(folder: Path) -> SharedModel:
    """Return the record of a folder, every file of it checked; `UserError` where it is not as it was exported."""
    if not folder.is_dir():
        raise UserError(f"There is no folder '{folder}'. Give one that dormouse export wrote.")
    path = folder / NAME
    if not path.is_file():
        raise UserError(
            f"Folder '{folder}' holds no {NAME}, so nothing says what its model does. Describe it in a plan instead: "
            f"organism.given.path={folder}, with its trigger and behavior."
        )
    try:
        content = json.loads(path.read_text("utf-8"))
        if isinstance(content, dict) and content.get("format") != FORMAT:
            raise UserError(
                f"'{path}' has format {content.get('format')!r}, and this version of dormouse reads format {FORMAT}. "
                "Install the version that wrote it."
            )
        record = SharedModel.model_validate(content)
    except (ValueError, ValidationError) as error:
        raise UserError(f"'{path}' cannot be read: {str(error).splitlines()[0]}. Have it exported again.") from error
    for name, written in record.files.items():
        file = folder / name
        if not file.resolve().is_relative_to(folder.resolve()) or not file.is_file():
            raise UserError(f"File '{name}' of the model in '{folder}' is missing. Have it exported again.")
        if file.stat().st_size != written.bytes or sha256(file) != written.sha256:
            raise UserError(f"File '{name}' of the model in '{folder}' was changed since the export.")
    return record
