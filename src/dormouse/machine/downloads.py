"""Downloads models and data sets from the Hugging Face hub, and finds them in its cache."""

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
"""Safetensors weights, configuration, tokenizer and chat template: no file that could run code when opened."""
NOT_WANTED = ("*/*",)
"""Subfolders of a repository: they hold the same weights in other formats."""
OF_A_FOLDER = "base.type=folder base.path=FOLDER, and grid={} if the plan's grid lists models"
COMMIT = re.compile(r"[0-9a-f]{40}")


def find_cached(model: str, revision: str) -> Path | None:
    """Return a model's folder in the hub's cache; None if the model is missing or incomplete there."""
    try:
        folder = Path(snapshot_download(model, revision=revision, allow_patterns=list(WANTED), local_files_only=True))
    except LocalEntryNotFoundError:
        return None
    return folder if any(folder.glob("*.safetensors")) else None


def cached_folder(model: str, revision: str) -> Path:
    """Return a model's folder in the hub's cache; `UserError` if it is not there."""
    found = find_cached(model, revision)
    if found is None:
        raise UserError(
            f"Model '{model}' (revision '{revision}') is not in the hub's cache. Run the plan once with the network "
            f"on, or: hf download {model} --revision {revision}"
        )
    return found


def download(model: str, revision: str) -> Path:
    """Return a model's folder in the hub's cache, downloading it if needed; `UserError` if that fails."""
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
            "opened, so they are not loaded. Give a revision with safetensors, or convert the model into a folder."
        )
    return folder


def commit(model: str, revision: str) -> str:
    """Return the commit of a revision as the cache has it; the revision itself if it is not cached yet.

    So a plan can be listed before anything is downloaded; it is downloaded before it runs.
    """
    found = None if COMMIT.fullmatch(revision) else find_cached(model, revision)
    return found.name if found else revision


def data_file(dataset: str, file: str, revision: str) -> Path:
    """Return a data set's file in the hub's cache, downloading it if needed; `UserError` if that fails."""
    with _explained(dataset, revision, "data set", f"world.path=FILE of a copy of {file}"):
        return Path(hf_hub_download(dataset, file, repo_type="dataset", revision=revision))


@contextmanager
def _explained(name: str, revision: str, kind: str, instead: str) -> Iterator[None]:
    """Turn the hub client's errors into a sentence with advice; `instead` is how to do without the hub."""
    address = f"https://huggingface.co/{'datasets/' if kind == 'data set' else ''}{name}"
    unreachable = (
        f"The {kind} '{name}' is not in the hub's cache, and the hub cannot be reached. Go online once, or use a local "
        f"copy: {instead}"
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
        raise UserError(
            f"The {kind} '{name}' has no revision '{revision}'. Give a branch, tag or commit that exists."
        ) from error
    except HFValidationError as error:
        raise UserError(f"'{name}' is not a name of a {kind} on the hub: {error} Write owner/name.") from error
    except LocalEntryNotFoundError as error:
        raise UserError(unreachable) from error
    except EntryNotFoundError as error:
        raise UserError(f"The {kind} '{name}' has no such file at revision '{revision}'. See {address}") from error
    except (HfHubHTTPError, OfflineModeIsEnabled, OSError) as error:
        raise UserError(unreachable) from error
