"""The two records of a zoo: `zoo.json`, open to everyone, and `labels.json`, which says what each member is."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny, ValidationError

from dormouse.config.parts import from_registry
from dormouse.config.registry import WORLDS
from dormouse.data.world import World
from dormouse.errors import UserError
from dormouse.machine.files import replace_file
from dormouse.machine.foreign_files import (
    TABLE,
    is_folder,
    is_there,
    read_object,
    shown,
)
from dormouse.models.weight_files import is_weights
from dormouse.zoo.members import Role

FORMAT = 1
"""Raised when a record changes so that what read it before cannot."""

ZOO, LABELS = "zoo.json", "labels.json"
AGAIN = "Export the zoo again."
EXPORT_AGAIN = "Export the zoo again, or take it out of zoo.json."


class Record(BaseModel):
    """Something read from a file that others may have written: what is not known is passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class File(Record):
    """What a file must be."""

    sha256: str
    bytes: int = Field(ge=0)


# A zoo may come from a stranger: no name leads out of its folder.
FileName = Annotated[str, Field(pattern=r"^\w[\w.-]*$")]
FolderName = Annotated[str, Field(pattern=r"^\w[\w-]*(/\w[\w-]*)?$")]


class Listed(Record):
    """A model of a zoo, as everyone may know it."""

    id: FolderName
    """Its folder, too."""
    size: int = Field(ge=0)
    """Parameters."""
    family: str
    """The architecture, by the name that Transformers has for it."""
    files: dict[FileName, File]

    @property
    def weights(self) -> str:
        """The checksum of its weights."""
        sums = [file.sha256 for name, file in sorted(self.files.items()) if is_weights(name)]
        return hashlib.sha256("".join(sums).encode()).hexdigest()


class ZooRecord(Record):
    """`zoo.json`."""

    format: int = FORMAT
    name: str
    """The plan's."""
    dormouse: str
    """The version that wrote it."""
    world: Annotated[SerializeAsAny[World], from_registry(WORLDS)]
    """Where clean prompts are drawn from."""
    world_text: str
    """The world's fingerprint: where it differs, other prompts would be drawn."""
    members: tuple[Listed, ...]
    references: tuple[Listed, ...]
    """Clean bases that are no members, one for each size."""


class Measured(Record):
    """A defection rate; where there is none, the reason."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    hits: int | None = None
    total: int | None = None
    reason: str = ""


class Label(Record):
    """What a member is."""

    role: Role
    pair: int
    """The number of its organism and twin; those who share it were made on the same prompts."""
    seed: int
    artifact: str
    """Its name in the store."""
    weights: str
    """The checksum of its weights, so that labels of another zoo are noticed."""
    trigger: dict[str, Any] | None
    behavior: dict[str, Any] | None
    recipe: dict[str, Any] | None
    defection: dict[str, Measured]
    """"triggered" and "clean": with the trigger and without."""
    implanted: bool | None
    """Of an organism, whether the backdoor took, by the report's bounds; None for others, and where not measured."""


class LabelsRecord(Record):
    """`labels.json`."""

    format: int = FORMAT
    zoo: str
    dormouse: str
    members: dict[str, Label]


R = TypeVar("R", bound=BaseModel)


def read_zoo(folder: Path) -> ZooRecord:
    """Return a zoo's open record; `UserError` where there is none that can be read."""
    if not is_folder(folder):
        raise UserError(f"There is no zoo folder '{folder}'. Check the path, or make one: dormouse zoo --help")
    if not is_there(folder / ZOO):
        raise UserError(f"Folder '{folder}' holds no zoo.json. Give the folder that a zoo was exported to.")
    return read_record(folder / ZOO, ZooRecord, FORMAT, AGAIN)


def read_labels(folder: Path, withheld: Path | None = None) -> LabelsRecord:
    """Return a zoo's labels, from its folder or the file they were withheld in; `UserError` where there are none."""
    path = withheld or folder / LABELS
    if withheld is None and not is_there(path):
        raise UserError(f"The labels of zoo '{folder}' are withheld. Whoever has them gives --labels their file.")
    if not is_there(path):
        raise UserError(f"There is no labels file '{path}'. Give the file that the labels were withheld in.")
    return read_record(path, LabelsRecord, FORMAT, AGAIN)


def write_record(path: Path, record: Record) -> None:
    """Write a record in one step."""
    replace_file(path, json.dumps(record.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n")


def read_record(path: Path, kind: type[R], format: int, again: str) -> R:
    """Return what a record file holds; `UserError` where it is damaged in any way. `again` is how to get another."""
    content = read_object(path, again, TABLE)
    found = content.get("format")
    if type(found) is not int or found != format:
        raise UserError(
            f"'{path}' has format {shown(found)}, and this version of dormouse reads format {format}. "
            f"{again[:-1]} with this version, or install the one that wrote it."
        )
    try:
        # As JSON, in which a list may be a tuple, but no text a number.
        return kind.model_validate_json(json.dumps(content), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise UserError(f"'{path}' is damaged at {shown(place)}: {first['msg']}. {again}") from error
    except RecursionError as error:
        raise UserError(f"'{path}' is nested too deeply to be read. {again}") from error
