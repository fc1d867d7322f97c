"""Taking in a shared model: checked file by file, opened, and put into the store."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from dormouse.errors import UserError
from dormouse.execute.engine import How
from dormouse.execute.local import run_local
from dormouse.models.weight_files import fingerprint
from dormouse.organisms.imported import check
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
    """Return the artifact that a shared folder became; `UserError` where a file was changed or the model does not open.

    The model is opened in a worker, from safetensors alone, and asked something.
    """
    stage = shared_stage(folder)
    # Its files were just checked: what an earlier import left damaged is made again.
    outcome = run_local([stage], store, How(rebuild=True), workers=1)
    if failure := outcome.failed.get(stage.name):
        raise UserError(f"The model in '{folder}' was not taken in: {failure.message}")
    return stage


def shared_stage(folder: Path) -> Stage:
    """Return the stage that takes in a shared folder; `UserError` where its record or its files are damaged."""
    record = read_record(folder)
    organism, labels = _described(folder, record)
    check(folder, alone=True)
    # Last: of large weights it takes as long as reading them.
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


def _described(folder: Path, record: SharedModel) -> tuple[Organism, Labels]:
    described = {**(record.organism or {}), "given": Imported(path=folder.absolute())}
    try:
        return Organism.model_validate(described), Labels.model_validate(record.labels, strict=True)
    except ValidationError as error:
        raise plan_error(error, lambda place: str(folder / NAME)) from error
