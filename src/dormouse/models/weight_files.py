"""Finds the weights files of a model and reads their headers, without loading weights."""

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
"""Folder for additional chat templates of a tokenizer."""

META = "__metadata__"
"""The entry of a header that is not a tensor."""

SUFFIXES = (".safetensors", ".safetensors.index.json")
OPENED = (".safetensors", ".json", ".jinja", ".model", ".txt", ".spm", ".codes", ".tokenizer")
"""Endings of the files that a model, an adapter or a tokenizer is opened from."""

FLOATS = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}
"""Number format of weights -> bytes a number."""
BYTES = {**FLOATS, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U64": 8, "U32": 4, "U16": 2, "U8": 1, "BOOL": 1}
"""Number format -> bytes a number, with the formats of masks and positions that older checkpoints hold."""
MOST_DIMENSIONS, LARGEST_SIZE = 16, 1 << 63
LONGEST_HEADER = 25 << 20
"""Longest header that is read, in bytes: about two hundred thousand tensors."""

AGAIN = "Copy the file again, or save the model again with save_pretrained()."
ONLY_SAFETENSORS = "pickles can run code when opened, so only safetensors are loaded."
CONVERT = "Convert it with save_pretrained(..., safe_serialization=True)."
INTO_FOLDER = "Copy the file itself into the folder: cp -L follows links."


@dataclass(frozen=True)
class Tensor:
    """A tensor as described in a header."""

    dtype: str
    """Safetensors' name for the number format: "F32", "BF16", ..."""
    shape: tuple[int, ...]

    @property
    def numbers(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)


def is_weights(name: str) -> bool:
    """Return whether a file holds weights or their index, which differ between models of one architecture."""
    return name.endswith(SUFFIXES)


def weight_files(model: Path) -> list[Path]:
    """Return the files that a model's weights are read from, including the shards that its index names.

    `UserError` if there are none, or one is not in the folder or not a safetensors file.
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
        raise UserError(f"'{index}' names {shown(odd[0])}, which is not a file of its folder. {AGAIN}")
    names = sorted(set(named.values()))
    for name in names:
        # A shard named C:x or a\\b is in the folder on this system, but not on Windows.
        if not re.fullmatch(r"[^/\\:\0][^\\:\0]*", name) or ".." in Path(name).parts:
            raise UserError(f"'{index}' names {shown(name)}, which is not a file of its folder. {AGAIN}")
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
    """Return the tensors in a safetensors file by name; `UserError` if its header is invalid or does not fit the file.

    The rules are those of the format: each tensor has as many bytes as its shape takes, each begins where another ends,
    and the last one ends with the file.
    """
    length = check_file(file, AGAIN).st_size
    header = parse_json(_header(file).decode("utf-8", "replace"), f"The header of '{file}'", AGAIN, unique=True)
    if not isinstance(header, dict):
        raise UserError(f"The header of '{file}' is not a list of tensors. {AGAIN}")
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
        raise UserError(f"'{file}' has {length} bytes, but its header describes {begin + end}. {AGAIN}")
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
    """Return all tensors in the weights of a model folder; `UserError` if two shards hold the same one."""
    found: dict[str, Tensor] = {}
    for file in weight_files(model):
        there = read_tensors(file)
        if twice := sorted(there.keys() & found.keys()):
            raise UserError(f"Tensor {shown(twice[0])} of '{model}' is in '{file.name}' and in another shard. {AGAIN}")
        found |= there
    return found


def read_headers(model: Path) -> dict[str, bytes]:
    """Return the header of each weights file of a folder by file name: dtypes, shapes and metadata, no weights."""
    return {path.name: _header(path) for path in sorted(model.glob("*.safetensors"))}


def count_parameters(model: Path) -> int:
    """Count the parameters in the weights files of a folder; tied ones count once."""
    return sum(tensor.numbers for tensor in read_all_tensors(model).values())


def list_opened_files(folder: Path) -> Iterator[Path]:
    """Yield every file that a model, adapter or tokenizer may be opened from; `UserError` if one is no plain file."""
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
    """Hash everything a model is opened from: weights, configuration, tokenizer and chat template.

    A folder that did not change is read once.
    """
    return _hash(model, stat_files(list_opened_files(model)))


def check_unchanged(model: Path, planned: str | None, found: str) -> None:
    """Raise `UserError` if a folder changed since a stage was planned. `planned` is None if its hash is not known."""
    if planned not in (None, found):
        raise UserError(
            f"The files of '{model}' changed after the run was planned. Run the same command again, and do not change "
            "them meanwhile."
        )


def stat_files(files: Iterator[Path]) -> tuple[tuple[Path, int, int], ...]:
    """Return each file with its size and the time of its last change."""
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
    # A safetensors file begins with the length of its header, eight bytes, little-endian.
    length = check_file(path, AGAIN).st_size
    with path.open("rb") as file:
        begin = file.read(8)
        long = int.from_bytes(begin, "little")
        if len(begin) < 8 or long > length - 8:
            raise UserError(
                f"'{path}' is not a complete safetensors file: it has {length} bytes, but its header alone would have "
                f"{long}. {AGAIN}"
            )
        if long > LONGEST_HEADER:
            raise UserError(f"The header of '{path}' has {long} bytes, and at most {LONGEST_HEADER} are read. {AGAIN}")
        return file.read(long)
