"""`dormouse verify`: checks the files of a store against their checksums."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from dormouse.cli.console import print_json, print_line
from dormouse.errors import UserError
from dormouse.report.words import count_words
from dormouse.runs.check import check
from dormouse.runs.disk_need import size_words
from dormouse.store.check import Checked
from dormouse.store.store import Store


def verify(root: Path, *, as_json: bool) -> None:
    """Print a line for each damaged thing, then the totals; `UserError` if anything is damaged."""
    store, checked = Store(root), Checked()
    damaged: list[str] = []
    for sentence in check(store, checked):
        damaged.append(sentence)
        if not as_json:
            print_line(sentence, "red")
    if as_json:
        print_json({**asdict(checked), "damaged": damaged})
    else:
        print_line(
            f"Checked {checked.files} files ({size_words(checked.bytes)}) of {checked.artifacts} artifacts and "
            f"{count_words(checked.runs, 'run')}."
        )
        if checked.unsealed:
            print_line(
                f"{len(checked.unsealed)} artifacts were made before manifests had checksums, so a changed label or "
                "cost in them would not be noticed."
            )
    if damaged:
        things = "1 thing is" if len(damaged) == 1 else f"{len(damaged)} things are"
        raise UserError(f"{things} damaged in store '{root}'. Each line above says what to do.")
