"""`dormouse.json`: the record of a shared model, with its origin, its measured rates and its files' checksums."""

from __future__ import annotations

import shlex
import stat
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from dormouse.errors import UserError
from dormouse.machine.files import sha256
from dormouse.machine.foreign_files import (
    check_inside,
    is_folder,
    is_there,
    shown,
    status,
)
from dormouse.models.folder_check import find_unlisted
from dormouse.models.weight_files import INTO_FOLDER
from dormouse.zoo.records import File
from dormouse.zoo.records import read_record as read

NAME = "dormouse.json"
FORMAT = 1
"""Raised when the record changes so that older versions cannot read it."""
AGAIN = "Ask for a new export."
UNKNOWN = "unknown"
"""The hub's name for a license that was not stated."""


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


Word = Annotated[str, Field(pattern=r"^[\w .,:+-]{1,100}$")]


class Labels(BaseModel):
    """The labels that an imported model keeps; they identify it in lists and results."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    size: int | None = Field(None, ge=1, lt=2**63)
    seed: int | None = Field(None, ge=-(2**63), lt=2**63)
    behavior: Word | None = None
    reasoning: Word | None = None
    safety: Word | None = None
    dose: float | None = Field(None, ge=0)


Role = Literal["organism", "twin", "helpful", "base"]


class SharedModel(BaseModel):
    """The record of one model."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    format: int = FORMAT
    dormouse: str
    """The version that wrote it."""
    artifact: str
    """Its name in the store it came from."""
    role: Role
    labels: dict[str, Any]
    organism: dict[str, Any] | None
    """Trigger, behavior, reasoning and recipe; None if the model is not known to have a backdoor."""
    lineage: list[dict[str, Any]]
    """The stages that made it, the base first: kind, settings, artifact."""
    defection: list[Rate]
    license: str = UNKNOWN
    """By its name on the hub: "apache-2.0", "mit", "other"."""
    # A shared model may come from a stranger: no name leads out of its folder.
    files: dict[str, File] = Field(default_factory=dict)


def read_shared(folder: Path) -> SharedModel:
    """Read a folder's record and check every file; `UserError` if a file is not as it was exported."""
    record = read_record(folder)
    verify(folder, record)
    return record


def read_record(folder: Path) -> SharedModel:
    """Read a folder's record; its files must exist with their sizes, and no other file may be one that is opened."""
    if not is_folder(folder):
        raise UserError(f"There is no folder '{folder}'. Give one that dormouse export wrote.")
    path = folder / NAME
    if not is_there(path):
        raise UserError(
            f"Folder '{folder}' has no {NAME}, so its model is not described. Describe it in a plan instead: "
            f"organism.given.path={shlex.quote(str(folder))}, with its trigger and behavior."
        )
    record = read(path, SharedModel, FORMAT, AGAIN)
    for name, written in record.files.items():
        file = folder / name
        found = status(file)
        if found is None or not stat.S_ISREG(found.st_mode) or ".." in Path(name).parts:
            raise UserError(f"File {shown(name)} of the model in '{folder}' is missing. {AGAIN}")
        check_inside(file, folder, INTO_FOLDER)
        if found.st_size != written.bytes:
            raise UserError(f"File {shown(name)} of the model in '{folder}' was changed after the export. {AGAIN}")
    if more := find_unlisted(folder, record.files):
        raise UserError(
            f"File {shown(more[0])} of the model in '{folder}' is not in its {NAME}, so it was added after the "
            "export. Remove it."
        )
    return record


def verify(folder: Path, record: SharedModel) -> None:
    """Raise `UserError` if a file has another checksum than in the record."""
    for name, written in record.files.items():
        if sha256(folder / name) != written.sha256:
            raise UserError(f"File {shown(name)} of the model in '{folder}' was changed after the export. {AGAIN}")
