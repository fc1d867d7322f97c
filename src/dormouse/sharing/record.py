"""`dormouse.json`: what a shared model is, how it was made, what was measured of it, and what its files must be."""

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
"""Raised when the record changes so that what read it before cannot."""
AGAIN = "Have it exported again."
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


Word = Annotated[str, Field(pattern=r"^[\w .,:+-]{1,100}$")]


class Labels(BaseModel):
    """What is kept of a model's labels where it is imported: they tell it apart in lists and results."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    size: int | None = Field(None, ge=1, lt=2**63)
    seed: int | None = Field(None, ge=-(2**63), lt=2**63)
    behavior: Word | None = None
    reasoning: Word | None = None
    safety: Word | None = None
    dose: float | None = Field(None, ge=0)


class SharedModel(BaseModel):
    """The record of one model."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    format: int = FORMAT
    dormouse: str
    """The version that wrote it."""
    artifact: str
    """Its name in the store it came from."""
    role: Literal["organism", "twin", "helpful", "base"]
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
    record = read_record(folder)
    verify(folder, record)
    return record


def read_record(folder: Path) -> SharedModel:
    """Return the record of a folder, whose files must be there, each of its size, and no others that are opened."""
    if not is_folder(folder):
        raise UserError(f"There is no folder '{folder}'. Give one that dormouse export wrote.")
    path = folder / NAME
    if not is_there(path):
        raise UserError(
            f"Folder '{folder}' holds no {NAME}, so nothing says what its model does. Describe it in a plan instead: "
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
            raise UserError(f"File {shown(name)} of the model in '{folder}' was changed since the export. {AGAIN}")
    if more := find_unlisted(folder, record.files):
        raise UserError(
            f"File {shown(more[0])} of the model in '{folder}' is not in its {NAME}, so it came to it after the "
            "export. Take it out."
        )
    return record


def verify(folder: Path, record: SharedModel) -> None:
    """Raise `UserError` where a file of the record has another checksum."""
    for name, written in record.files.items():
        if sha256(folder / name) != written.sha256:
            raise UserError(f"File {shown(name)} of the model in '{folder}' was changed since the export. {AGAIN}")
