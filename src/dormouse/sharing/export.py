"""Writing a model of the store as a folder in hub layout."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import dormouse
from dormouse.errors import UserError
from dormouse.machine.files import describe, replace_file
from dormouse.sharing.card import write_card
from dormouse.sharing.record import (
    NAME,
    UNKNOWN,
    Rate,
    Role,
    SharedModel,
)
from dormouse.store.store import Store
from dormouse.zoo.records import File

SETTINGS = ("base", "helpful", "organism", "safety", "removal", "re_emergence", "seed", "lr", "strength", "role")
"""Parts of a stage's spec that the card shows; the others only say where text came from."""

PATHS = ("path", "twin", "chat_model", "few_shot")
"""Settings that are paths on the machine that made the model."""


def export_model(text: str, store: Store, folder: Path, license: str = UNKNOWN) -> SharedModel:
    """Write the model of an artifact with its card and record; `UserError` if it has no model that replies."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9.+-]*", license):
        raise UserError(
            f"'{license}' is not a license name of the hub. Take one from "
            "https://huggingface.co/docs/hub/repositories-licenses, such as apache-2.0, mit or other."
        )
    name = store.find(text)
    manifest = store.manifest(name)
    files = store.checked_files(name, "model")
    # Models that judge or score replies for a training have no role.
    if not files or manifest["labels"].get("role") not in get_args(Role):
        raise UserError(
            f"Artifact '{name}' has no model that replies. Name a base, an organism or a safety training; "
            "dormouse ls lists them."
        )
    lineage, rates = list(_follow_lineage(store, name))[::-1], _collect_rates(store, manifest["key"])
    _create_folder(folder)
    for path in files:
        if path.name != "README.md":
            shutil.copyfile(path, folder / path.name)
    organisms = [stage["settings"]["organism"] for stage in lineage if "organism" in stage["settings"]]
    record = SharedModel(
        dormouse=dormouse.__version__,
        artifact=name,
        role=manifest["labels"]["role"],
        labels=manifest["labels"],
        organism=organisms[-1] if organisms else None,
        lineage=lineage,
        defection=rates,
        license=license,
        files={path: File(**about) for path, about in describe(folder).items()},
    )
    replace_file(folder / "README.md", write_card(record))
    replace_file(folder / NAME, json.dumps(record.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n")
    return record


def _create_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"Folder '{folder}' cannot be written to ({error.strerror}). Choose another.") from error
    if any(folder.iterdir()):
        raise UserError(f"Folder '{folder}' is not empty. Give a new folder, or empty this one.")


def _follow_lineage(store: Store, name: str) -> Iterator[dict[str, Any]]:
    """Yield the stages that made a model, the last first, as far as they are still in the store."""
    while True:
        manifest = store.manifest(name)
        settings = {key: _strip_folders(manifest["spec"][key]) for key in SETTINGS if key in manifest["spec"]}
        yield {"kind": manifest["kind"], "artifact": name, "settings": settings}
        if "model" not in manifest["inputs"]:
            return
        try:
            name = store.find(manifest["inputs"]["model"])
        except UserError:
            return


def _strip_folders(value: Any) -> Any:
    """Reduce paths in settings to their last part, to reveal nothing about the machine."""
    if isinstance(value, dict):
        return {
            key: Path(one).name if key in PATHS and isinstance(one, str) else _strip_folders(one)
            for key, one in value.items()
        }
    return [_strip_folders(one) for one in value] if isinstance(value, list) else value


def _collect_rates(store: Store, key: str) -> list[Rate]:
    """Collect the defection rates measured on the model with this key."""
    found: dict[str, Rate] = {}
    for name in store.names():
        if not name.startswith("measure"):
            continue
        if store.manifest(name)["inputs"].get("model") != key:
            continue
        for row in store.rows(name, "rows.jsonl"):
            if row["metric"] == "defection" and row["step"] is None and row["total"] and not row["family"]:
                numbers = {field: row[field] for field in ("hits", "total", "value", "low", "high")}
                rate = Rate(prompts=row["prompts"], unscorable=row.get("unscorable") or 0, **numbers)
                found.setdefault(row["prompts"], rate)
    return list(found.values())
