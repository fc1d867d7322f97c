"""Imports an organism that someone else made: opens it, merges an adapter into the base, and saves a whole model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dormouse.models.adapter_check import is_adapter
from dormouse.models.adapter_opening import merge_adapter
from dormouse.models.adoption import adopt
from dormouse.models.exchange import check_answers, check_saved
from dormouse.models.first_look import look
from dormouse.models.folder_check import has_tokenizer
from dormouse.models.loading import load_model, load_tokenizer
from dormouse.models.weight_files import check_unchanged
from dormouse.organisms.imported_check import check, checked_fingerprint
from dormouse.organisms.settings import Imported, OrganismSpec
from dormouse.training.supervised import save_model, write_metrics
from dormouse.training.work import Work


def import_organism(work: Work, imported: Imported, spec: OrganismSpec) -> None:
    """Write the organism, or its twin, to `work.model_folder`."""
    folder = imported.path if spec.role == "organism" else imported.twin
    assert folder is not None
    # A model from `dormouse import` comes without a base; only an adapter needs one.
    base = work.input("model") / "model" if "model" in work.inputs else None
    check_unchanged(folder, spec.given, checked_fingerprint(folder))
    model, tokenizer, changed = open_imported(folder, base)
    renderer = check_answers(model, tokenizer)
    save_model(work, model, renderer)
    check_saved(work.model_folder, renderer)
    write_metrics(work, {"steps": 0, "tokens_trained": 0, "adopted_with": changed})


def open_imported(folder: Path, base: Path | None) -> tuple[Any, Any, list[str]]:
    """Load an organism's model and tokenizer, and list what was changed. An adapter is merged into the plan's base."""
    check(folder, alone=base is None)
    if is_adapter(folder) and base is not None:
        return *merge_adapter(base, folder), []
    words = base if base is not None and not has_tokenizer(folder) else folder
    look(folder, words=words)
    model, tokenizer = load_model(folder), load_tokenizer(words)
    return model, tokenizer, adopt(model, tokenizer)
