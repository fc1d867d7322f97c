"""Locates data: a file on this machine, or one in a data set on the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter

from dormouse.config.parts import Config
from dormouse.data.formats.rows import SUFFIXES


def _of_a_known_kind(path: Path) -> Path:
    if not path.name.endswith(SUFFIXES):
        raise ValueError(f"'{path}' is not of a known kind. Give a file that ends in {', '.join(SUFFIXES)}.")
    return path


def _inside(path: Path) -> Path:
    inside = PurePosixPath(path.as_posix())
    if inside.is_absolute() or ".." in inside.parts:
        raise ValueError(f"'{path}' is outside the data set. Give a path inside it: harmless-base/test.jsonl.gz.")
    return path


DataPath = Annotated[Path, AfterValidator(_of_a_known_kind)]


class HubFile(Config):
    """A file of a data set on the hub at a pinned revision, downloaded once into the hub's cache."""

    dataset: str = Field(pattern=r"^[\w.-]+/[\w.-]+$")
    """Owner and name: Anthropic/hh-rlhf."""
    file: Annotated[DataPath, AfterValidator(_inside)]
    """Path in the data set: harmless-base/test.jsonl.gz."""
    revision: str = Field(pattern=r"^[0-9a-f]{40}$")
    """The commit: a result can be reproduced only if its data does not change."""


def _of_one_kind(given: object) -> object:
    """Validate as a path or a hub file by the value's type, so that an error is about that one alone."""
    if isinstance(given, dict):
        return HubFile.model_validate(given)
    if isinstance(given, str):
        return _PATH.validate_python(given)
    if not isinstance(given, Path | HubFile):
        raise ValueError("Give a path, or {dataset: .., file: .., revision: ..} of a file on the hub.")
    return given


_PATH: TypeAdapter[Path] = TypeAdapter(DataPath)
Source = Annotated[DataPath | HubFile, BeforeValidator(_of_one_kind)]
"""A path, or `{dataset: .., file: .., revision: ..}`."""


def local_path(source: Path | HubFile) -> Path:
    """Return a path on this machine. A file on the hub is downloaded first, once."""
    if isinstance(source, Path):
        return source
    from dormouse.machine.downloads import data_file  # imports huggingface_hub, which takes 0.3 s

    return data_file(source.dataset, source.file.as_posix(), source.revision)
