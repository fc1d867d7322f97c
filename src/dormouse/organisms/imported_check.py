"""Checks an imported organism: a model folder, or a LoRA adapter for the plan's base, that someone else made."""

from __future__ import annotations

from pathlib import Path

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
    """Hash the files of an organism. `UserError` if the folder cannot be loaded."""
    check(folder)
    return fingerprint(folder)


def check(folder: Path, *, alone: bool = False) -> None:
    """Raise `UserError` if no organism can be loaded from a folder.

    With `alone` there is no base from a plan: the folder must have a whole model and its tokenizer.
    """
    check_is_folder(folder)
    if is_adapter(folder):
        if alone:
            raise UserError(
                f"'{folder}' is an adapter, not a whole model. Merge it into its base, or give it to a plan with "
                "that base as organism.given.path."
            )
        check_adapter(folder)
    else:
        check_folder(folder)
        if alone or has_tokenizer(folder):
            check_tokenizer(folder)
