"""Checking every file of every artifact, and the records of failures beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from dormouse.errors import UserError
from dormouse.store.artifact import MANIFEST, key_fits, remedy
from dormouse.store.store import ARTIFACT_NAME, Store


@dataclass
class Checked:
    """Counts of what was checked so far."""

    artifacts: int = 0
    files: int = 0
    bytes: int = 0
    runs: int = 0
    unsealed: list[str] = field(default_factory=list)
    """Artifacts from before manifests had a checksum of their own."""


def check_artifacts(store: Store, checked: Checked) -> Iterator[str]:
    """Yield a sentence for each artifact or record of a failure that is damaged, and count what was looked at."""
    yield from _strangers(store)
    for name in store.names():
        checked.artifacts += 1
        yield from _in_artifact(name, store, checked)
    for path in sorted((store.root / "failed").glob("*.json")):
        checked.files += 1
        checked.bytes += path.stat().st_size
        yield from refused(partial(store.failure, path.stem))


def _strangers(store: Store) -> Iterator[str]:
    entries = sorted(store.artifacts.iterdir()) if store.artifacts.is_dir() else []
    for path in entries:
        if not path.name.startswith(".") and not ARTIFACT_NAME.fullmatch(path.name):
            yield f"'{path}' is no artifact: nothing reads it. Move it elsewhere."


def _in_artifact(name: str, store: Store, checked: Checked) -> Iterator[str]:
    artifact, intact = store.artifact(name), True
    for damage in artifact.damages():
        intact = False
        yield str(damage)
    try:
        manifest = artifact.manifest()
    except UserError:
        return
    checked.files += 1 + len(manifest["files"])
    checked.bytes += sum(about["bytes"] for about in manifest["files"].values()) + artifact.manifest_bytes()
    if not artifact.is_sealed():
        checked.unsealed.append(name)
    if intact and not key_fits(manifest):
        yield (
            f"Artifact '{name}' is damaged: its key is not that of the settings in its file '{MANIFEST}'. "
            f"{remedy(name, manifest)}"
        )


def refused(read: Callable[[], object]) -> Iterator[str]:
    """Yield the error if something cannot be read."""
    try:
        read()
    except UserError as error:
        yield str(error)
