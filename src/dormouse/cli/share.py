"""`dormouse export` and `dormouse import`: write a model of the store to a folder, and put one into the store."""

from __future__ import annotations

from pathlib import Path

from dormouse.cli.console import print_json, print_line
from dormouse.sharing.export import export_model
from dormouse.sharing.importing import import_model
from dormouse.sharing.record import UNKNOWN
from dormouse.store.store import Store


def export(artifact: str, folder: Path, root: Path, license: str, *, as_json: bool) -> None:
    """Write a model as a folder in hub layout."""
    record = export_model(artifact, Store(root), folder, license)
    if as_json:
        print_json({"folder": str(folder), "artifact": record.artifact, "role": record.role})
        return
    print_line(f"model    {folder} ({record.role}, {len(record.files)} files)")
    print_line(f"card     {folder / 'README.md'}")
    if record.license == UNKNOWN:
        print_line("The card states no license. To add one, export again with --license.", "dim")
    print_line(f"Nothing was uploaded. To share it: hf upload OWNER/NAME {folder}", "dim")


def import_folder(folder: Path, root: Path, *, as_json: bool) -> None:
    """Check a shared model and put it into the store."""
    stage = import_model(folder, Store(root))
    if as_json:
        print_json({"artifact": stage.name, "key": stage.key})
        return
    print_line(f"artifact {stage.name}")
    print_line(f"Talk to it: dormouse chat {stage.name} --store {root}", "dim")
