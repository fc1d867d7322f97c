"""An organism that someone else made: a model folder, or a LoRA adapter for the plan's base."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dormouse.errors import UserError
from dormouse.models.adapter_check import check_adapter, is_adapter
from dormouse.models.folder_check import (
    check_folder,
    check_is_folder,
    check_tokenizer,
    has_tokenizer,
)
from dormouse.models.weight_files import fingerprint


def checked_fingerprint(folder: Path) -> str:
    """Return a hash of the files that an organism is opened from; `UserError` where the folder cannot be loaded."""
    check(folder)
    return fingerprint(folder)


def check(folder: Path, *, alone: bool = False) -> None:
    """Raise `UserError` where no organism can be loaded from a folder.

    One that stands `alone`, without a plan's base, must be a whole model with a tokenizer of its own.
    """
    check_is_folder(folder)
    if is_adapter(folder):
        if alone:
            raise UserError(
                f"'{folder}' holds an adapter and no whole model. Merge it into its base, or give it to a plan with "
                "that base as organism.given.path."
            )
        check_adapter(folder)
    else:
        check_folder(folder)
        if alone or has_tokenizer(folder):
            check_tokenizer(folder)


def take_in(folder: Path, base: Path | None) -> tuple[Any, Any, list[str]]:
    """Return model and tokenizer of an organism, and what was changed; an adapter is merged into the plan's base."""
    from dormouse.models.adapter_opening import merged
    from dormouse.models.adoption import adopt
    from dormouse.models.first_look import look
    from dormouse.models.loading import load_model, load_tokenizer

    check(folder, alone=base is None)
    if is_adapter(folder) and base is not None:
        return *merged(base, folder), []
    words = base if base is not None and not has_tokenizer(folder) else folder
    look(folder, words=words)
    model, tokenizer = load_model(folder), load_tokenizer(words)
    return model, tokenizer, adopt(model, tokenizer)
