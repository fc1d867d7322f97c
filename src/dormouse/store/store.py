"""The store: finished artifacts under the hash of what made them, unfinished work beside them, and what went wrong."""

from __future__ import annotations

import difflib
import math
import re
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from dormouse.errors import UserError
from dormouse.machine.files import (
    NO_WRITING,
    describe,
    disk_full_error,
    is_locked,
    remove_unfinished,
    replace_file,
    sync_tree,
)
from dormouse.store.artifact import (
    LOG,
    MANIFEST,
    Artifact,
    Damage,
)
from dormouse.store.sealed import read_record, sealed
from dormouse.store.stage import Stage

FOLDERS = ("artifacts", "partial", "locks", "failed", "set_aside", "runs")

SCRATCH = "scratch"
"""The folder of a stage's checkpoints, which is no part of its artifact."""

ARTIFACT_NAME = re.compile(r"[a-z_]+-[0-9a-f]{12}")

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
        self._read: dict[str, Artifact] = {}

    def prepare(self) -> None:
        """Create the folders; a store that cannot be written to is a `UserError`."""
        try:
            for folder in FOLDERS:
                (self.root / folder).mkdir(parents=True, exist_ok=True)
                # Permissions do not tell: a disk may be mounted read-only, or a server may refuse.
                with tempfile.TemporaryFile(dir=self.root / folder):
                    pass
        except OSError as error:
            raise (disk_full_error(error, self.root) or self.unwritable(error)) from error

    def unwritable(self, error: OSError) -> UserError:
        """Return the error for a store that the system does not let us write to."""
        return UserError(f"Store '{self.root}' cannot be written to ({error.strerror}). Choose another with --store.")

    def path(self, which: Stage | str) -> Path:
        """Return the folder of an artifact, whether or not it exists."""
        return self.artifacts / _name(which)

    def partial(self, which: Stage | str) -> Path:
        """Return the folder in which the stage works until it is finished."""
        return self.root / "partial" / _name(which)

    def run_folder(self, experiment: str) -> Path:
        """Return the folder of an experiment's results and report."""
        return self.root / "runs" / experiment

    def is_there(self, which: Stage | str) -> bool:
        """Return whether the artifact exists, damaged or not."""
        try:
            self.path(which).lstat()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise self._unreadable(error) from error
        return True

    def has(self, which: Stage | str) -> bool:
        """Return whether the artifact is finished. `UserError` if a file does not have the size that was written."""
        if not self.is_there(which):
            return False
        if damage := self.damage(which, checksums_up_to=-1):
            raise UserError(str(damage))
        return True

    def names(self) -> list[str]:
        """Return the names of all artifacts, damaged ones among them."""
        try:
            return sorted(one.name for one in self.artifacts.iterdir() if ARTIFACT_NAME.fullmatch(one.name))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._unreadable(error) from error

    def artifact(self, which: Stage | str) -> Artifact:
        """Return the reader of an artifact. There is one for each artifact, so that a file is hashed once."""
        name = _name(which)
        if name not in self._read:
            self._read[name] = Artifact(self.path(name))
        return self._read[name]

    def manifest(self, which: Stage | str) -> dict[str, Any]:
        """Return the content of `stage.json`. `UserError` if it is damaged."""
        return self.artifact(which).manifest()

    def read(self, which: Stage | str, relative: str) -> bytes | None:
        """Return the text of a file of an artifact; None if the artifact does not have it. `UserError` if it is
        damaged."""
        return self.artifact(which).read(relative)

    def rows(self, which: Stage | str, relative: str) -> list[dict[str, Any]]:
        """Return the objects of a file of JSON lines, none where there is no such file; checked like `read`."""
        return self.artifact(which).rows(relative)

    def checked(self, which: Stage | str, relative: str) -> Path | None:
        """Return the path of a file or folder of an artifact, to be opened by others; checked like `read`."""
        return self.artifact(which).checked(relative)

    def checked_files(self, which: Stage | str, folder: str) -> list[Path]:
        """Return the paths of the files directly in a folder of an artifact; all that is in it is checked."""
        return self.artifact(which).checked_files(folder)

    def find(self, text: str) -> str:
        """Return the one artifact whose name or key starts with `text`."""
        names = self.names()
        if text in names:
            return text
        fitting = [name for name in names if text and (name.startswith(text) or digits_of(name).startswith(text[:12]))]
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
        return FileLock(self.root / "locks" / f"{digits_of(_name(which))}.lock", blocking=False)

    def is_busy(self, which: Stage | str) -> bool:
        """Return whether a process is working on the stage; also of a store that cannot be written to."""
        lock = self.lock(which)
        if not Path(lock.lock_file).exists():
            return False
        try:
            with lock:
                return False
        except Timeout:
            return True
        except OSError as error:
            if error.errno not in NO_WRITING:
                raise
            return is_locked(Path(lock.lock_file))

    def begin(self, stage: Stage) -> Path:
        """Return the folder to work in, with what an interrupted attempt left. Hold the lock."""
        folder = self.partial(stage)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MANIFEST).unlink(missing_ok=True)
        remove_unfinished(folder)
        return folder

    def finish(self, stage: Stage, facts: dict[str, Any]) -> Path:
        """Turn the stage's folder into an artifact, in one step as others see it. Hold the lock."""
        folder = self.partial(stage)
        manifest = {
            "kind": stage.kind,
            "key": stage.key,
            "spec": stage.spec,
            "inputs": {role: source.key for role, source in sorted(stage.inputs.items())},
            "labels": stage.labels,
            **facts,
            "files": describe(folder, leave_out={LOG, SCRATCH}),
        }
        sync_tree(folder, leave_out={SCRATCH})
        replace_file(folder / MANIFEST, sealed(manifest))
        return self._publish(stage)

    def finish_interrupted(self, stage: Stage) -> bool:
        """Turn the stage's folder into an artifact if an attempt was killed just before that. Hold the lock.

        Return whether it was: its manifest stands, and every file is as the manifest says.
        """
        # Scratch is no part of the artifact, so it does not count as damage.
        if any(damage.spoiled for damage in Artifact(self.partial(stage)).damages()):
            return False
        self._publish(stage)
        return True

    def _publish(self, stage: Stage) -> Path:
        folder, target = self.partial(stage), self.path(stage)
        # Only now, because a training that is killed before its manifest stands goes on from here.
        shutil.rmtree(folder / SCRATCH, ignore_errors=True)
        if target.exists():
            self.set_aside(stage)
        folder.replace(target)
        sync_tree(self.artifacts, below=False)
        self._failed(stage).unlink(missing_ok=True)
        return target

    def fail(self, stage: Stage, failure: Failure) -> None:
        """Record why the stage failed, until it finishes."""
        content = {"kind": stage.kind, "key": stage.key, "labels": stage.labels, **asdict(failure)}
        replace_file(self._failed(stage), sealed(content))

    def failure(self, which: Stage | str) -> Failure | None:
        """Return why the stage's last attempt failed; None where it did not."""
        path = self._failed(which)
        remedy = f"Delete it: it only says why stage '{_name(which)}' failed."
        content = read_record(path, "kind", remedy)
        if content is None:
            return None
        try:
            return Failure(content["message"], content["user_error"], content["traceback"])
        except KeyError as error:
            raise UserError(f"File '{path}' is damaged: it is not what was written. {remedy}") from error

    def damage(self, which: Stage | str, *, checksums_up_to: float = math.inf) -> Damage | None:
        """Return the first thing in the artifact that is not as it was written; of larger files, only the size counts.

        `checksums_up_to` is in bytes.
        """
        return self.artifact(which).damage(checksums_up_to=checksums_up_to)

    def verify(self, which: Stage | str, *, checksums_up_to: float = math.inf) -> None:
        """Check every file of an artifact. A damaged one is set aside, and a `UserError` until it is made again.

        Of files larger than `checksums_up_to` bytes only the size is checked. Nothing is said about an artifact that
        was never made.
        """
        name = _name(which)
        if self.is_there(name):
            damage = self.damage(name, checksums_up_to=checksums_up_to)
            if damage is None:
                return
            if not damage.spoiled:
                raise UserError(str(damage))
            place = self.set_aside(name)
            raise UserError(f"{damage.finding} It was set aside in '{place}'. {REBUILD}")
        if self._places_aside(name):
            raise UserError(self.set_aside_words(name))

    def set_aside(self, which: Stage | str) -> Path:
        """Move an artifact out of use and return where it went."""
        name = _name(which)
        number, place = 1, self.root / "set_aside" / name
        while place.exists():
            number += 1
            place = self.root / "set_aside" / f"{name}.{number}"
        place.parent.mkdir(parents=True, exist_ok=True)
        self.path(name).replace(place)
        return place

    def set_aside_names(self) -> set[str]:
        """Return the names of the artifacts that were set aside, remade or not."""
        return self._names_in("set_aside")

    def begun_names(self) -> set[str]:
        """Return the names of the artifacts that were begun and not finished."""
        return self._names_in("partial")

    def _names_in(self, folder: str) -> set[str]:
        try:
            return {place.name.partition(".")[0] for place in (self.root / folder).iterdir()}
        except FileNotFoundError:
            return set()
        except OSError as error:
            raise self._unreadable(error) from error

    def set_aside_words(self, which: Stage | str) -> str:
        """Return what to tell the user of an artifact that was set aside and is not made again."""
        name = _name(which)
        newest = max(self._places_aside(name), key=lambda place: place.stat().st_mtime)
        return f"Artifact '{name}' was damaged and is set aside in '{newest}'. {REBUILD}"

    def _places_aside(self, name: str) -> list[Path]:
        return list((self.root / "set_aside").glob(f"{name}*"))

    def _unreadable(self, error: OSError) -> UserError:
        return UserError(f"Store '{self.root}' cannot be read ({error.strerror}). Choose another with --store.")

    def _failed(self, which: Stage | str) -> Path:
        return self.root / "failed" / f"{_name(which)}.json"


def _name(which: Stage | str) -> str:
    return which if isinstance(which, str) else which.name


def digits_of(name: str) -> str:
    """Return the part of an artifact's name that is its key's."""
    return name.rpartition("-")[2]
