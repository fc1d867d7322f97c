"""Models and data on the Hugging Face hub: which commit a name means, and where files lie once they are downloaded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from huggingface_hub import hf_hub_download, snapshot_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from dormouse.errors import UserError

WANTED = ("*.safetensors", "*.json", "*.model", "*.txt", "*.jinja")
"""Weights as safetensors alone, configuration, tokenizer and chat template: nothing that could run when opened."""
NOT_WANTED = ("*/*",)
"""Other formats of the same weights lie in folders of a repository."""
OF_A_FOLDER = "base.type=folder base.path=FOLDER, and grid={} if the plan's grid lists models"
COMMIT = re.compile(r"[0-9a-f]{40}")


def find_cached(model: str, revision: str) -> Path | None:
    """Return the folder of a model in the hub's cache; None where it is not there, or not whole."""
    try:
        folder = Path(snapshot_download(model, revision=revision, allow_patterns=list(WANTED), local_files_only=True))
    except LocalEntryNotFoundError:
        return None
    return folder if any(folder.glob("*.safetensors")) else None


def cached_folder(model: str, revision: str) -> Path:
    """Return the folder of a model in the hub's cache; `UserError` where it is not there."""
    found = find_cached(model, revision)
    if found is None:
        raise UserError(
            f"Model '{model}' (revision '{revision}') is not in the hub's cache. Run the plan once with the network "
            f"on, or: hf download {model} --revision {revision}"
        )
    return found


def download(model: str, revision: str) -> Path:
    """Return the folder of a model in the hub's cache, downloaded if it is not there; `UserError` where that fails."""
    found = find_cached(model, revision)
    if found is not None:
        return found
    with _explained(model, revision, "model", OF_A_FOLDER):
        folder = Path(
            snapshot_download(model, revision=revision, allow_patterns=list(WANTED), ignore_patterns=list(NOT_WANTED))
        )
    if not any(folder.glob("*.safetensors")):
        raise UserError(
            f"Model '{model}' (revision '{revision}') has no safetensors weights on the hub; pickles can run code when "
            "opened, so they are not loaded. Look for a revision with safetensors, or convert it to a folder."
        )
    return folder


def commit(model: str, revision: str) -> str:
    """Return the commit that a revision names, as the cache has it; the revision itself where it is not there yet.

    A plan can then be listed before anything is downloaded; it is downloaded before it runs.
    """
    found = None if COMMIT.fullmatch(revision) else find_cached(model, revision)
    return found.name if found else revision


def data_file(dataset: str, file: str, revision: str) -> Path:
    """Return a file of a data set in the hub's cache, downloaded if it is not there; `UserError` where that fails."""
    with _explained(dataset, revision, "data set", f"world.path=FILE of a copy of {file}"):
        return Path(hf_hub_download(dataset, file, repo_type="dataset", revision=revision))


@contextmanager
def _explained(name: str, revision: str, kind: str, instead: str) -> Iterator[None]:
    """Turn what the hub's client raises into a sentence that says what to do; `instead` is the way without the hub."""
    address = f"https://huggingface.co/{'datasets/' if kind == 'data set' else ''}{name}"
    unreachable = (
        f"The {kind} '{name}' is not in the hub's cache, and the hub cannot be reached. Go online once, or name what "
        f"you have of it: {instead}"
    )
    try:
        yield
    except GatedRepoError as error:
        raise UserError(f"The {kind} '{name}' is gated. Accept its terms at {address}, then: hf auth login") from error
    except RepositoryNotFoundError as error:
        raise UserError(
            f"There is no {kind} '{name}' on the hub, or it is private. Check the name, or log in: hf auth login"
        ) from error
    except RevisionNotFoundError as error:
        raise UserError(f"The {kind} '{name}' has no revision '{revision}'. Name one it has.") from error
    except HFValidationError as error:
        raise UserError(f"'{name}' is no name of a {kind} on the hub: {error} Write owner/name.") from error
    except LocalEntryNotFoundError as error:
        raise UserError(unreachable) from error
    except EntryNotFoundError as error:
        raise UserError(f"The {kind} '{name}' has no such file at revision '{revision}': see {address}") from error
    except (HfHubHTTPError, OfflineModeIsEnabled, OSError) as error:
        raise UserError(unreachable) from error
