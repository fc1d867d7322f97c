"""The store: finished artifacts under the hash of what made them, unfinished work beside them, and what went wrong."""

from __future__ import annotations

import difflib
import json
import math
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from dormouse.artifact_files import describe, remove_unfinished, replace_file, sha256, sync_tree
from dormouse.errors import UserError
from dormouse.stage import Stage

MANIFEST = "stage.json"
"""Written last: a folder without it is not an artifact."""

LOG = "log.txt"
"""What the stage printed; the one file without a checksum, for it names times and paths."""

REBUILD = "Run the same command again with --rebuild to make it again."


@dataclass(frozen=True)
class Failure:
    """Why a stage did not finish."""

    message: str
    user_error: bool
    """Whether the user can put it right; otherwise it is our bug, and there is a traceback."""
    traceback: str = ""


class Store:
    """A folder of artifacts. Every method takes a stage or the name of one."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        self.artifacts = self.root / "artifacts"

    def prepare(self) -> None:
        """Create the folders; a store that cannot be written to is a `UserError`."""
        try:
            for folder in ("artifacts", "partial", "locks", "failed", "set_aside"):
                (self.root / folder).mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError, PermissionError) as error:
            raise UserError(f"Store '{self.root}' cannot be written to ({error.strerror}). Choose another.") from error

    def path(self, which: Stage | str) -> Path:
        """Return the folder of an artifact, whether or not it exists."""
        return self.artifacts / _name(which)

    def partial(self, which: Stage | str) -> Path:
        """Return the folder in which the stage works until it is finished."""
        return self.root / "partial" / _name(which)

    def run_folder(self, experiment: str) -> Path:
        """Return the folder of an experiment's results and report."""
        return self.root / "runs" / experiment

    def has(self, which: Stage | str) -> bool:
        """Return whether the artifact is finished and its files have the sizes that were written."""
        return self.damage(which, checksums_up_to=-1) is None

    def names(self) -> list[str]:
        """Return the names of all finished artifacts."""
        return sorted(path.parent.name for path in self.artifacts.glob(f"*/{MANIFEST}"))

    def manifest(self, which: Stage | str) -> dict[str, Any]:
        """Return what `stage.json` says."""
        content: dict[str, Any] = json.loads((self.path(which) / MANIFEST).read_text("utf-8"))
        return content

    def find(self, text: str) -> str:
        """Return the one artifact whose name or key starts with `text`."""
        names = self.names()
        if text in names:
            return text
        fitting = [name for name in names if text and (name.startswith(text) or _digits(name).startswith(text[:12]))]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            more = ", ..." if len(fitting) > 5 else ""
            raise UserError(
                f"'{text}' is the beginning of {len(fitting)} artifacts: {', '.join(fitting[:5])}{more}. "
                "Give more of the name, or of its twelve digits."
            )
        close = difflib.get_close_matches(text, names, n=1, cutoff=0.5)
        guess = f" Did you mean '{close[0]}'?" if close else ""
        raise UserError(f"Store '{self.root}' has no artifact '{text}'.{guess} List all {len(names)} with: dormouse ls")

    def lock(self, which: Stage | str) -> FileLock:
        """Return the stage's lock, not yet taken; the system frees it when its process dies."""
        return FileLock(self.root / "locks" / f"{_digits(_name(which))}.lock", blocking=False)

    def is_busy(self, which: Stage | str) -> bool:
        """Return whether a process is working on the stage."""
        try:
            with self.lock(which):
                return False
        except Timeout:
            return True

    def begin(self, stage: Stage) -> Path:
        """Return the folder to work in, with what an interrupted attempt left. Hold the lock."""
        folder = self.partial(stage)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MANIFEST).unlink(missing_ok=True)
        remove_unfinished(folder)
        return folder

    def finish(self, stage: Stage, facts: dict[str, Any]) -> Path:
        """Turn the stage's folder into an artifact, in one step as others see it. Hold the lock."""
        folder, target = self.partial(stage), self.path(stage)
        shutil.rmtree(folder / "scratch", ignore_errors=True)
        manifest = {
            "kind": stage.kind,
            "key": stage.key,
            "spec": stage.spec,
            "inputs": {role: source.key for role, source in sorted(stage.inputs.items())},
            "labels": stage.labels,
            **facts,
            "files": describe(folder, leave_out={LOG}),
        }
        sync_tree(folder)
        replace_file(folder / MANIFEST, json.dumps(manifest, indent=1) + "\n")
        if target.exists():
            self.set_aside(stage)
        folder.replace(target)
        sync_tree(self.artifacts, below=False)
        self._failed(stage).unlink(missing_ok=True)
        return target

    def fail(self, stage: Stage, failure: Failure) -> None:
        """Record why the stage failed, until it finishes."""
        content = {"kind": stage.kind, "key": stage.key, "labels": stage.labels, **asdict(failure)}
        replace_file(self._failed(stage), json.dumps(content, indent=1) + "\n")

    def failure(self, which: Stage | str) -> Failure | None:
        """Return why the stage's last attempt failed; None where it did not."""
        try:
            content = json.loads(self._failed(which).read_text("utf-8"))
        except FileNotFoundError:
            return None
        return Failure(content["message"], content["user_error"], content["traceback"])

    def damage(self, which: Stage | str, *, checksums_up_to: float = math.inf) -> str | None:
        """Return the first file of the artifact that is not as it was written; of larger files, only the size counts.

        `checksums_up_to` is in bytes.
        """
        try:
            for relative, written in self.manifest(which)["files"].items():
                file = self.path(which) / relative
                if not file.is_file() or file.stat().st_size != written["bytes"]:
                    return str(relative)
                if written["bytes"] <= checksums_up_to and sha256(file) != written["sha256"]:
                    return str(relative)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return MANIFEST
        return None

    def verify(self, which: Stage | str, *, checksums_up_to: float = math.inf) -> None:
        """Check every file of an artifact. A damaged one is set aside, and a `UserError` until it is made again.

        Of files larger than `checksums_up_to` bytes only the size is checked. Nothing is said about an artifact that
        was never made.
        """
        name = _name(which)
        if self.path(name).exists():
            if file := self.damage(name, checksums_up_to=checksums_up_to):
                place = self.set_aside(name)
                raise UserError(
                    f"Artifact '{name}' is damaged: its file '{file}' is not what was written. "
                    f"It was set aside in '{place}'. {REBUILD}"
                )
        elif place_before := self._last_set_aside(name):
            raise UserError(f"Artifact '{name}' was damaged and is set aside in '{place_before}'. {REBUILD}")

    def set_aside(self, which: Stage | str) -> Path:
        """Move an artifact out of use and return where it went."""
        name = _name(which)
        number = len(list((self.root / "set_aside").glob(f"{name}*"))) + 1
        place = self.root / "set_aside" / (name if number == 1 else f"{name}.{number}")
        place.parent.mkdir(parents=True, exist_ok=True)
        self.path(name).replace(place)
        return place

    def _last_set_aside(self, name: str) -> Path | None:
        places = list((self.root / "set_aside").glob(f"{name}*"))
        return max(places, key=lambda place: place.stat().st_mtime) if places else None

    def _failed(self, which: Stage | str) -> Path:
        return self.root / "failed" / f"{_name(which)}.json"


def _name(which: Stage | str) -> str:
    return which if isinstance(which, str) else which.name


def _digits(name: str) -> str:
    return name.rpartition("-")[2]
