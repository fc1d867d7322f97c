"""The two records of a zoo: `zoo.json`, open to everyone, and `labels.json`, which says what each member is."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

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

Role = Literal["base", "organism", "twin"]
ROLES: tuple[Role, ...] = ("base", "organism", "twin")

FORMAT = 1
"""Raised when a record changes so that older versions cannot read it."""

ZOO, LABELS = "zoo.json", "labels.json"
AGAIN = "Export the zoo again."
EXPORT_AGAIN = "Export the zoo again, or take it out of zoo.json."


class Record(BaseModel):
    """A record that others may have written; unknown keys are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class File(Record):
    """Checksum and size that a file must have."""

    sha256: str
    bytes: int = Field(ge=0)


# A zoo may come from a stranger: no name leads out of its folder.
FileName = Annotated[str, Field(pattern=r"^\w[\w.-]*$")]
FolderName = Annotated[str, Field(pattern=r"^\w[\w-]*(/\w[\w-]*)?$")]


class Listed(Record):
    """A model of a zoo, as listed for everyone."""

    id: FolderName
    """Also its folder."""
    size: int = Field(ge=0)
    """Parameters."""
    family: str
    """The architecture, by its name in Transformers."""
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
    """The world that clean prompts are drawn from."""
    world_text: str
    """The world's fingerprint; another one means other prompts."""
    members: tuple[Listed, ...]
    references: tuple[Listed, ...]
    """Clean bases that are not members, one for each size."""


class Measured(Record):
    """A defection rate, or the reason why there is none."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    hits: int | None = None
    total: int | None = None
    unscorable: int | None = None
    """Replies that could not be scored. `total` leaves them out."""
    reason: str = ""


class Label(Record):
    """The ground truth about a member."""

    role: Role
    pair: int
    """Number of its organism and twin; members with one number were trained on the same prompts."""
    seed: int
    artifact: str
    """Its name in the store."""
    weights: str
    """The checksum of its weights, to recognize labels of another zoo."""
    trigger: dict[str, Any] | None
    behavior: dict[str, Any] | None
    recipe: dict[str, Any] | None
    defection: dict[str, Measured]
    """"triggered" and "clean": with the trigger and without."""
    implanted: bool | None
    """Whether an organism's implant succeeded, by the report's bounds.

    None for other roles, or if that was not measured or most replies could not be scored.
    """


class LabelsRecord(Record):
    """`labels.json`."""

    format: int = FORMAT
    zoo: str
    dormouse: str
    members: dict[str, Label]


R = TypeVar("R", bound=BaseModel)


def read_zoo(folder: Path) -> ZooRecord:
    """Read `zoo.json`; `UserError` if it is missing or cannot be read."""
    if not is_folder(folder):
        raise UserError(f"There is no zoo folder '{folder}'. Check the path, or make one: dormouse zoo --help")
    if not is_there(folder / ZOO):
        raise UserError(f"Folder '{folder}' has no zoo.json. Give the folder that a zoo was exported to.")
    return read_record(folder / ZOO, ZooRecord, FORMAT, AGAIN)


def read_labels(folder: Path, withheld: Path | None = None) -> LabelsRecord:
    """Read a zoo's labels, from its folder or the file they were withheld in; `UserError` if there are none."""
    path = withheld or folder / LABELS
    if withheld is None and not is_there(path):
        raise UserError(f"The labels of zoo '{folder}' are withheld. Pass the labels file with --labels.")
    if not is_there(path):
        raise UserError(f"There is no labels file '{path}'. Pass the file that --withhold wrote.")
    return read_record(path, LabelsRecord, FORMAT, AGAIN)


def write_record(path: Path, record: Record) -> None:
    """Write a record atomically."""
    replace_file(path, json.dumps(record.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n")


def read_record(path: Path, kind: type[R], format: int, again: str) -> R:
    """Read a record file; `UserError` if it is damaged in any way. `again` says how to get a new one."""
    content = read_object(path, again, TABLE)
    found = content.get("format")
    if type(found) is not int or found != format:
        raise UserError(
            f"'{path}' has format {shown(found)}, but this version of dormouse reads format {format}. "
            f"{again[:-1]} with this version, or install the one that wrote it."
        )
    try:
        # As JSON: strict, but a list may still become a tuple.
        return kind.model_validate_json(json.dumps(content), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise UserError(f"'{path}' is damaged at {shown(place)}: {first['msg']}. {again}") from error
    except RecursionError as error:
        raise UserError(f"'{path}' is nested too deeply to be read. {again}") from error
