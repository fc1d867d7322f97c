"""Importing a shared model: its files are checked, the model is opened, and it is put into the store."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from dormouse.errors import UserError
from dormouse.execute.engine import How
from dormouse.execute.local import run_local
from dormouse.models.weight_files import fingerprint
from dormouse.organisms.imported_check import check
from dormouse.organisms.settings import Imported, Organism
from dormouse.plan.errors import plan_error
from dormouse.sharing.record import (
    NAME,
    Labels,
    SharedModel,
    read_record,
    verify,
)
from dormouse.store.kinds import ORGANISM
from dormouse.store.stage import Stage
from dormouse.store.store import Store


def import_model(folder: Path, store: Store) -> Stage:
    """Import a shared folder and return its stage; `UserError` if a file was changed or the model does not open.

    A worker opens the model, from safetensors only, and asks it something.
    """
    stage = shared_stage(folder)
    # Its files were just checked, so what an earlier import left damaged is made again.
    outcome = run_local([stage], store, How(rebuild=True), workers=1)
    if failure := outcome.failed.get(stage.name):
        raise UserError(f"The model in '{folder}' was not imported: {failure.message}")
    return stage


def shared_stage(folder: Path) -> Stage:
    """Make the stage that imports a shared folder; `UserError` if its record or its files are damaged."""
    record = read_record(folder)
    organism, labels = _describe(folder, record)
    check(folder, alone=True)
    # Last, because it reads all of the weights.
    verify(folder, record)
    spec = {
        "organism": organism.model_dump(mode="json"),
        "role": "organism",
        "given": fingerprint(folder),
        "lineage": record.lineage,
        "seed": 0,
    }
    kept = labels.model_dump(exclude_none=True)
    return Stage(ORGANISM, spec, {}, {**kept, "role": record.role, "variant": "imported"})


def _describe(folder: Path, record: SharedModel) -> tuple[Organism, Labels]:
    described = {**(record.organism or {}), "given": Imported(path=folder.absolute())}
    try:
        return Organism.model_validate(described), Labels.model_validate(record.labels, strict=True)
    except ValidationError as error:
        raise plan_error(error, lambda place: str(folder / NAME)) from error
