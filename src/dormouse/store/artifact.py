"""Reads finished artifacts. Every file is checked against its checksum before it is used."""

from __future__ import annotations

import hashlib
import json
import math
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dormouse.errors import UserError
from dormouse.machine.files import is_plain_file, sha256
from dormouse.store.sealed import is_sealed, unsealed

MANIFEST = "stage.json"
"""Written last: a folder without it is not an artifact."""

LOG = "log.txt"
"""The printed output of the stage. It has no checksum, because it names times and paths."""

CHANGED = "is not what was written"
MISSING = "is missing"
NOT_PLAIN = "is no plain file"

SHAPE: dict[str, type | tuple[type, ...]] = {
    "kind": str, "key": str, "spec": dict, "inputs": dict, "labels": dict, "files": dict,
}  # fmt: skip
FACTS: dict[str, type | tuple[type, ...]] = {
    "versions": dict, "device": str, "threads": int, "peak_memory_mb": (int, float), "seconds": (int, float),
}  # fmt: skip
"""Keys and types of a manifest. A manifest without a checksum must have all of them, so that a flipped bit in a
name is noticed."""
LABELS = {
    "size", "seed", "role", "behavior", "reasoning", "safety", "dose", "variant", "split", "detector", "re_emergence",
}  # fmt: skip
VERSIONS = range(1, 100)
"""Versions that a kind of stage may have had. Manifests do not record the version."""

Seen = tuple[int, int, int, int]
"""Inode, size and times of change: if they are equal, the file was not written to."""


@dataclass(frozen=True)
class Damage:
    """A fault in an artifact, and what to do about it."""

    artifact: str
    file: str
    """Relative to the artifact's folder."""
    problem: str
    remedy: str
    spoiled: bool = True
    """Whether the artifact must be made again. If not, restoring the files is enough."""

    @property
    def finding(self) -> str:
        """What is wrong, in a sentence."""
        if self.spoiled:
            return f"Artifact '{self.artifact}' is damaged: its file '{self.file}' {self.problem}."
        return f"File '{self.file}' of artifact '{self.artifact}' {self.problem}."

    def __str__(self) -> str:
        return f"{self.finding} {self.remedy}"


class Artifact:
    """Reads one artifact. A file is hashed when it is first read, and again if it was changed since."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._manifest: tuple[Seen, dict[str, Any]] | None = None
        self._intact: dict[str, Seen] = {}

    def manifest(self) -> dict[str, Any]:
        """Return what `stage.json` says."""
        found = self._read_manifest()
        if isinstance(found, Damage):
            raise UserError(str(found))
        return found

    def read(self, relative: str) -> bytes | None:
        """Return the content of a file; None where the artifact was made without it."""
        written = self.manifest()["files"].get(relative)
        if written is None:
            return None
        try:
            if not is_plain_file(self.folder / relative):
                raise UserError(str(self._damage(relative, NOT_PLAIN)))
            content = (self.folder / relative).read_bytes()
        except OSError as error:
            raise UserError(str(self._unreadable(relative, error))) from error
        if len(content) != written["bytes"] or hashlib.sha256(content).hexdigest() != written["sha256"]:
            raise UserError(str(self._damage(relative, CHANGED)))
        return content

    def rows(self, relative: str) -> list[dict[str, Any]]:
        """Return the objects of a file of JSON lines; none where the artifact was made without it."""
        # Not splitlines(): JSON strings may hold other line separators, such as U+2028.
        lines = (self.read(relative) or b"").decode("utf-8").split("\n")
        return [json.loads(line) for line in lines if line]

    def checked(self, relative: str) -> Path | None:
        """Return the path of a file, or of a folder with all that is in it; None where the artifact has none."""
        if not any(_is_below(name, relative) for name in self.manifest()["files"]):
            return None
        if damage := next(self.damages(relative), None):
            raise UserError(str(damage))
        return self.folder / relative

    def checked_files(self, folder: str) -> list[Path]:
        """Return the paths of the files directly in a folder, which is checked as a whole."""
        self.checked(folder)
        listed = [self.folder / name for name in self.manifest()["files"]]
        return [file for file in listed if file.parent == self.folder / folder]

    def damage(self, *, checksums_up_to: float = math.inf) -> Damage | None:
        """Return the first damage. Of files larger than so many bytes only the size is compared."""
        return next(self.damages(checksums_up_to=checksums_up_to), None)

    def damages(self, relative: str = "", *, checksums_up_to: float = math.inf) -> Iterator[Damage]:
        """Yield everything in the artifact, or in one of its folders, that is not as it was written.

        Without a limit, files that were not written with it count too: a model's folder is opened as a whole.
        """
        found = self._read_manifest()
        if isinstance(found, Damage):
            yield found
            return
        files = found["files"]
        for name, written in files.items():
            if _is_below(name, relative) and (damage := self._spoiled(name, written, checksums_up_to)):
                yield damage
        if checksums_up_to == math.inf and relative not in files:
            try:
                for name in _foreign(self.folder, relative, files):
                    advice = f"Move it out of '{self.folder}': without it the artifact is as it was."
                    yield Damage(self.folder.name, name, "was not written with it", advice, spoiled=False)
            except OSError as error:
                yield self._unreadable(relative or ".", error)

    def is_sealed(self) -> bool:
        """Return whether the manifest carries a checksum of itself."""
        self.manifest()
        return is_sealed((self.folder / MANIFEST).read_bytes())

    def manifest_bytes(self) -> int:
        """Return the size of the manifest."""
        return (self.folder / MANIFEST).stat().st_size

    def _read_manifest(self) -> dict[str, Any] | Damage:
        path = self.folder / MANIFEST
        try:
            now = _seen(path.stat())
            if self._manifest is not None and self._manifest[0] == now:
                return self._manifest[1]
            if not is_plain_file(path):
                return self._damage(MANIFEST, NOT_PLAIN)
            data = path.read_bytes()
            content = unsealed(data, "kind")
        except OSError as error:
            return self._unreadable(MANIFEST, error)
        except ValueError:
            return self._damage(MANIFEST, CHANGED)
        if not _is_manifest(content, self.folder.name, sealed=is_sealed(data)):
            return self._damage(MANIFEST, CHANGED)
        self._manifest = (now, content)
        return content

    def _spoiled(self, name: str, written: dict[str, Any], checksums_up_to: float) -> Damage | None:
        file = self.folder / name
        try:
            found = file.stat()
            if not stat.S_ISREG(found.st_mode):
                return self._damage(name, NOT_PLAIN)
            if found.st_size != written["bytes"]:
                return self._damage(name, CHANGED)
            if found.st_size <= checksums_up_to and self._intact.get(name) != _seen(found):
                if sha256(file) != written["sha256"]:
                    return self._damage(name, CHANGED)
                self._intact[name] = _seen(found)
        except OSError as error:
            return self._unreadable(name, error)
        return None

    def _unreadable(self, name: str, error: OSError) -> Damage:
        if isinstance(error, FileNotFoundError | NotADirectoryError):
            return self._damage(name, MISSING)
        if isinstance(error, PermissionError):
            advice = "Have its owner let you read it, or copy the store."
            return Damage(self.folder.name, name, f"cannot be read ({error.strerror})", advice, spoiled=False)
        return self._damage(name, f"cannot be read ({error.strerror})")

    def _damage(self, name: str, problem: str) -> Damage:
        known = self._read_manifest() if name != MANIFEST else None
        return Damage(self.folder.name, name, problem, remedy(self.folder.name, known))


def _seen(found: os.stat_result) -> Seen:
    return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _is_below(name: str, relative: str) -> bool:
    return not relative or name == relative or name.startswith(f"{relative}/")


def _foreign(root: Path, relative: str, files: dict[str, Any]) -> Iterator[str]:
    """Yield what lies in a folder of an artifact and is none of its files.

    Hidden ones do not count: nothing is loaded from them, and systems leave them behind (`.DS_Store`, `.nfs0000`).
    """
    with os.scandir(root / relative) as found:
        entries = sorted((entry for entry in found if not entry.name.startswith(".")), key=lambda entry: entry.name)
    for entry in entries:
        name = f"{relative}/{entry.name}" if relative else entry.name
        # A folder that was moved to another disk may be a link to its new place.
        is_moved = entry.is_dir() and any(_is_below(file, name) for file in files)
        if entry.is_dir(follow_symlinks=False) or is_moved:
            yield from _foreign(root, name, files)
        elif name not in files and name not in (MANIFEST, LOG):
            yield name


def _is_manifest(content: dict[str, Any], folder: str, *, sealed: bool) -> bool:
    shape = SHAPE if sealed else SHAPE | FACTS
    if any(not isinstance(content.get(name), kind) for name, kind in shape.items()):
        return False
    if folder != f"{content['kind']}-{content['key'][:12]}":
        return False
    return sealed or (_has_files(content) and content["labels"].keys() <= LABELS and key_fits(content))


def _has_files(content: dict[str, Any]) -> bool:
    return all(
        isinstance(about, dict) and isinstance(about.get("sha256"), str) and isinstance(about.get("bytes"), int)
        for about in content["files"].values()
    )


def key_fits(manifest: dict[str, Any]) -> bool:
    """Return whether the key of a manifest is the hash of kind, spec and inputs, in any version of the kind."""
    fed = {name: manifest[name] for name in ("inputs", "kind", "spec")}
    texts = (json.dumps(fed | {"version": version}, sort_keys=True) for version in VERSIONS)
    return any(hashlib.sha256(text.encode()).hexdigest() == manifest["key"] for text in texts)


def remedy(artifact: str, manifest: Any) -> str:
    """Say how to make a damaged artifact again, from its manifest if that can be read."""
    again = "Make it again with its plan: dormouse run PLAN --rebuild."
    imported = "Import it again: dormouse import FOLDER."
    if isinstance(manifest, dict):
        return imported if manifest["labels"].get("variant") == "imported" else again
    # What the manifest would tell is not known.
    return f"{again} If it was imported: dormouse import FOLDER." if artifact.startswith("organism-") else again
