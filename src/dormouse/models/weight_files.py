"""Weights files without their weights: which they are, and what their headers say."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from dormouse.errors import UserError
from dormouse.machine.files import sha256
from dormouse.machine.foreign_files import (
    TABLE,
    check_file,
    check_inside,
    is_there,
    parse_json,
    read_object,
    shown,
    status,
)

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
TEMPLATES = "additional_chat_templates"
"""Folder of a tokenizer's further chat templates."""

META = "__metadata__"
"""The entry of a header that is no tensor."""

SUFFIXES = (".safetensors", ".safetensors.index.json")
OPENED = (".safetensors", ".json", ".jinja", ".model", ".txt", ".spm", ".codes", ".tokenizer")
"""Endings of the files that a model, an adapter or a tokenizer is opened from."""

FLOATS = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}
"""Number formats of weights, and bytes a number."""
BYTES = {**FLOATS, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U64": 8, "U32": 4, "U16": 2, "U8": 1, "BOOL": 1}
"""The others are those of masks and positions, which older checkpoints hold beside their weights."""
MOST_DIMENSIONS, LARGEST_SIZE = 16, 1 << 63
LONGEST_HEADER = 25 << 20
"""Bytes: about two hundred thousand tensors."""

AGAIN = "Copy the file again, or save the model again with save_pretrained()."
ONLY_SAFETENSORS = "pickles can run code when opened, so only safetensors are loaded."
CONVERT = "Convert it with save_pretrained(..., safe_serialization=True)."
INTO_FOLDER = "Copy the file itself into the folder: cp -L follows links."


@dataclass(frozen=True)
class Tensor:
    """What a header says of a tensor."""

    dtype: str
    """As safetensors calls it: "F32", "BF16", ..."""
    shape: tuple[int, ...]

    @property
    def numbers(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)


def is_weights(name: str) -> bool:
    """Return whether a file of a model folder differs between models of one architecture."""
    return name.endswith(SUFFIXES)


def weight_files(model: Path) -> list[Path]:
    """Return the files that the weights of a model folder are read from, the shards that its index names included.

    `UserError` where there are none, or one is not in the folder or no safetensors file.
    """
    if is_there(model / WEIGHTS):
        names = [WEIGHTS]
    elif is_there(model / INDEX):
        check_inside(model / INDEX, model, INTO_FOLDER)
        names = _shards(model / INDEX)
    else:
        raise UserError(_no_weights(model))
    files = [model / name for name in names]
    for file in files:
        check_inside(file, model, INTO_FOLDER)
        check_file(file, AGAIN)
    return files


def _shards(index: Path) -> list[str]:
    content = read_object(index, AGAIN, TABLE)
    named, facts = content.get("weight_map"), content.get("metadata")
    if not isinstance(named, dict) or not named or not isinstance(facts, dict):
        raise UserError(
            f"'{index}' names no shards: it needs a 'weight_map' of tensors to files, and 'metadata'. {AGAIN}"
        )
    if odd := [name for name in named.values() if not isinstance(name, str)]:
        raise UserError(f"'{index}' names {shown(odd[0])}, which is no file of its folder. {AGAIN}")
    names = sorted(set(named.values()))
    for name in names:
        # The shard that another system calls C:x or a\\b is a file of the folder here, and elsewhere is not.
        if not re.fullmatch(r"[^/\\:\0][^\\:\0]*", name) or ".." in Path(name).parts:
            raise UserError(f"'{index}' names {shown(name)}, which is no file of its folder. {AGAIN}")
        if not name.endswith(".safetensors"):
            raise UserError(f"'{index}' names {shown(name)}; {ONLY_SAFETENSORS} {CONVERT}")
    return names


def _no_weights(model: Path) -> str:
    there = sorted(path.name for path in model.iterdir())
    pickled = [name for name in there if name.endswith((".bin", ".pt", ".pth"))]
    if pickled:
        return f"Model folder '{model}' has only pickle weights ({', '.join(pickled)}); {ONLY_SAFETENSORS} {CONVERT}"
    others = [name for name in there if name.endswith(".safetensors")]
    if others:
        return (
            f"Model folder '{model}' has {', '.join(map(shown, others[:3]))}, but neither {WEIGHTS} nor an {INDEX} "
            "that names its files. Save the model with save_pretrained()."
        )
    return f"Model folder '{model}' has no weights. Save the model there with save_pretrained()."


def read_tensors(file: Path) -> dict[str, Tensor]:
    """Return what a safetensors file holds by name; `UserError` where its header is not one, or not of this file.

    The rules are those of the format: each tensor has as many bytes as its shape takes, one begins where another ends,
    and the last ends with the file.
    """
    length = check_file(file, AGAIN).st_size
    header = parse_json(_header(file).decode("utf-8", "replace"), f"The header of '{file}'", AGAIN, unique=True)
    if not isinstance(header, dict):
        raise UserError(f"The header of '{file}' is no list of tensors. {AGAIN}")
    begin = 8 + int.from_bytes(_length(file), "little")
    found = {name: (_tensor(file, name, said), said["data_offsets"]) for name, said in header.items() if name != META}
    end = 0
    for name, (tensor, offsets) in sorted(found.items(), key=lambda one: one[1][1]):
        taken = tensor.numbers * BYTES[tensor.dtype]
        if offsets != [end, end + taken]:
            raise UserError(
                f"Tensor {shown(name)} of '{file}' is not where its header says: {taken} bytes from byte {end} on. "
                f"{AGAIN}"
            )
        end += taken
    if begin + end != length:
        raise UserError(f"'{file}' has {length} bytes, and its header describes {begin + end}. {AGAIN}")
    return {name: tensor for name, (tensor, _) in found.items()}


def _tensor(file: Path, name: str, said: Any) -> Tensor:
    said = said if isinstance(said, dict) else {}
    dtype, shape, offsets = said.get("dtype"), said.get("shape"), said.get("data_offsets")
    if not isinstance(dtype, str) or not _are_sizes(shape) or not _are_sizes(offsets) or len(offsets) != 2:
        raise UserError(f"The header of '{file}' does not describe tensor {shown(name)}. {AGAIN}")
    if dtype not in BYTES:
        raise UserError(
            f"Tensor {shown(name)} of '{file}' is in the number format {shown(dtype)}. "
            "Save the model in float32, bfloat16 or float16."
        )
    return Tensor(dtype, tuple(shape))


def _are_sizes(value: Any) -> bool:
    fits = isinstance(value, list) and len(value) <= MOST_DIMENSIONS
    return fits and all(type(one) is int and 0 <= one < LARGEST_SIZE for one in value)


def read_all_tensors(model: Path) -> dict[str, Tensor]:
    """Return all tensors that the weights of a model folder hold; `UserError` where two shards hold one."""
    found: dict[str, Tensor] = {}
    for file in weight_files(model):
        there = read_tensors(file)
        if twice := sorted(there.keys() & found.keys()):
            raise UserError(f"Tensor {shown(twice[0])} of '{model}' is in '{file.name}' and in another shard. {AGAIN}")
        found |= there
    return found


def read_headers(model: Path) -> dict[str, bytes]:
    """Return the header of each weights file of a model folder by name: dtypes, shapes and metadata, no numbers."""
    return {path.name: _header(path) for path in sorted(model.glob("*.safetensors"))}


def count_parameters(model: Path) -> int:
    """Return how many parameters the weights files of a folder hold; tied ones count once."""
    return sum(tensor.numbers for tensor in read_all_tensors(model).values())


def list_opened_files(folder: Path) -> Iterator[Path]:
    """Yield every file that a model, an adapter or a tokenizer may be opened from; `UserError` where one is none."""
    for path in sorted(folder.iterdir()):
        if path.name.endswith(OPENED):
            yield from _checked(path, folder)
    if is_there(folder / INDEX) and not is_there(folder / WEIGHTS):
        yield from (file for file in weight_files(folder) if file.parent != folder)
    if is_there(folder / TEMPLATES):
        for path in sorted((folder / TEMPLATES).glob("*.jinja")):
            yield from _checked(path, folder)


def _checked(path: Path, folder: Path) -> Iterator[Path]:
    check_inside(path, folder, INTO_FOLDER)
    check_file(path, "Take it out of the folder, or put the file itself there.")
    yield path


def fingerprint(model: Path) -> str:
    """Return a hash of everything a model is opened from: weights, configuration, tokenizer and chat template.

    A folder that did not change is read once.
    """
    return _hash(model, stat_files(list_opened_files(model)))


def check_unchanged(model: Path, planned: str | None, found: str) -> None:
    """Raise `UserError` where a folder is not what a stage was planned with; None where that is not known."""
    if planned not in (None, found):
        raise UserError(
            f"The files of '{model}' are not those that the run was planned with. Leave them as they are, and run the "
            "same command again."
        )


def stat_files(files: Iterator[Path]) -> tuple[tuple[Path, int, int], ...]:
    """Return files with what changes when they do: size, and time of the last change."""
    found = ((path, status(path)) for path in files)
    return tuple((path, one.st_size, one.st_mtime_ns) for path, one in found if one is not None)


@lru_cache(maxsize=64)
def _hash(model: Path, files: tuple[tuple[Path, int, int], ...]) -> str:
    digest = hashlib.sha256()
    for path, _, _ in files:
        digest.update(f"{path.relative_to(model).as_posix()} {sha256(path)}\n".encode())
    return digest.hexdigest()


def _length(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(8)


def _header(path: Path) -> bytes:
    # A safetensors file begins with the length of its header, eight bytes, the least significant first.
    length = check_file(path, AGAIN).st_size
    with path.open("rb") as file:
        begin = file.read(8)
        long = int.from_bytes(begin, "little")
        if len(begin) < 8 or long > length - 8:
            raise UserError(
                f"'{path}' is no whole safetensors file: it has {length} bytes, and a header would have {long}. {AGAIN}"
            )
        if long > LONGEST_HEADER:
            raise UserError(f"The header of '{path}' has {long} bytes, and at most {LONGEST_HEADER} are read. {AGAIN}")
        return file.read(long)
