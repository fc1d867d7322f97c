"""Reads the header of a GGUF file (architecture, number formats, size) before anything is loaded."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

from dormouse.errors import UserError
from dormouse.machine.foreign_files import check_file, shown
from dormouse.models.dimensions import Dimensions

ADVICE = "Give another GGUF file."
MAGIC = b"GGUF"
ARCHITECTURES = (
    "llama", "mistral", "qwen2", "qwen3", "falcon", "phi3", "bloom", "stablelm", "gpt2", "starcoder2", "nemotron",
    "gemma2", "gemma3",
)  # fmt: skip
"""Causal language models of one stack of layers that Transformers opens from GGUF files."""
FORMATS = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0", 10: "Q2_K", 11: "Q3_K", 12: "Q4_K",
    13: "Q5_K", 14: "Q6_K", 30: "BF16",
}  # fmt: skip
"""Number formats that the `gguf` package converts to floats, by their ids in a file."""
TENSORS, KEYS, TEXT, ITEMS, DIMENSIONS = 100_000, 10_000, 1 << 20, 2_000_000, 4
"""Limits on a file: tensors, keys, bytes of a text, items of a list, and dimensions of a tensor."""
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
STRING, ARRAY = 8, 9


@dataclass(frozen=True)
class Header:
    """A model as described in the header of its file."""

    architecture: str
    parameters: int
    formats: tuple[str, ...]
    """Number formats of its tensors."""
    dimensions: Dimensions | None = None
    """None if the file does not state them."""
    template: str = ""
    """Its chat template; empty if it has none."""


def read_header(path: Path) -> Header:
    """Read a header; `UserError` if the file is not GGUF, is damaged, or cannot be opened by Transformers."""
    status = check_file(path, ADVICE)
    return _read(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=8)
def _read(path: Path, size: int, changed: int) -> Header:
    with path.open("rb") as file:
        try:
            keys, tensors = _parsed(_Reader(file), size)
        except (struct.error, ValueError, OverflowError, MemoryError) as error:
            raise UserError(f"'{path}' is not a complete GGUF file: {error}. {ADVICE}") from error
    architecture = keys.get("general.architecture")
    if architecture not in ARCHITECTURES:
        raise UserError(
            f"'{path}' holds a model of architecture {shown(architecture)}, which cannot be opened from GGUF. Take one "
            f"of {', '.join(ARCHITECTURES)}."
        )
    unknown = sorted({number for _, number, _ in tensors} - FORMATS.keys())
    if unknown:
        raise UserError(
            f"'{path}' holds tensors in number format {unknown[0]} of GGUF, which cannot be read. Take a file in one "
            f"of {', '.join(FORMATS.values())}."
        )
    if "tokenizer.ggml.model" not in keys:
        raise UserError(f"'{path}' holds no tokenizer. {ADVICE}")
    formats = tuple(sorted({FORMATS[number] for _, number, _ in tensors}))
    parameters = sum(count for _, _, count in tensors)
    tied = all(name != "output.weight" for name, _, _ in tensors)
    template = keys.get("tokenizer.chat_template")
    return Header(
        str(architecture), parameters, formats, _dimensions(keys, parameters, tied=tied),
        template if isinstance(template, str) else "",
    )  # fmt: skip


def _dimensions(keys: dict[str, Any], parameters: int, *, tied: bool) -> Dimensions | None:
    width, layers = (keys.get(f"{keys['general.architecture']}.{name}") for name in ("embedding_length", "block_count"))
    words = keys.get("tokenizer.ggml.tokens")
    if not (isinstance(width, int) and isinstance(layers, int) and isinstance(words, list)):
        return None
    return Dimensions(parameters, width, layers, len(words), tied)


def _parsed(reader: _Reader, size: int) -> tuple[dict[str, Any], list[tuple[str, int, int]]]:
    if reader.bytes(4) != MAGIC:
        raise ValueError("it does not begin with 'GGUF'")
    version, tensors, keys = reader.numbers("<IQQ")
    if version not in (2, 3):
        raise ValueError(f"it is of version {version}, and only 2 and 3 are read")
    if tensors > TENSORS or keys > KEYS:
        raise ValueError(f"it names {tensors} tensors and {keys} keys")
    found: dict[str, Any] = {}
    for _ in range(keys):
        name = reader.text()
        found[name] = reader.value()
    listed = []
    for _ in range(tensors):
        name = reader.text()
        (dimensions,) = reader.numbers("<I")
        if dimensions > DIMENSIONS:
            raise ValueError(f"a tensor has {dimensions} dimensions")
        shape = reader.numbers(f"<{dimensions}Q")
        number, offset = reader.numbers("<IQ")
        count = 1
        for length in shape:
            count *= length
        if offset > size:
            raise ValueError("a tensor begins after its end")
        listed.append((name, number, count))
    return found, listed


class _Reader:
    def __init__(self, file: BinaryIO) -> None:
        self.file = file

    def bytes(self, n: int) -> bytes:
        """Return so many bytes; `ValueError` if the file ends before that."""
        read = self.file.read(n)
        if len(read) < n:
            raise ValueError("it ends within its header")
        return read

    def numbers(self, form: str) -> tuple[Any, ...]:
        return struct.unpack(form, self.bytes(struct.calcsize(form)))

    def text(self) -> str:
        (length,) = self.numbers("<Q")
        if length > TEXT:
            raise ValueError(f"it holds a text of {length} bytes")
        return self.bytes(length).decode("utf-8", errors="replace")

    def value(self) -> Any:
        (kind,) = self.numbers("<I")
        return self._of(kind)

    def _of(self, kind: int, *, nested: bool = False) -> Any:
        if kind in SCALARS:
            return self.numbers(f"<{SCALARS[kind]}")[0]
        if kind == STRING:
            return self.text()
        if kind == ARRAY and not nested:
            of, length = self.numbers("<IQ")
            if length > ITEMS:
                raise ValueError(f"it holds a list of {length} items")
            return [self._of(of, nested=True) for _ in range(length)]
        raise ValueError(f"it holds a value of kind {kind}")
