"""Tools to break the files of a folder: each makes a function that changes a good folder in place."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

Break = Callable[[Path], None]
Tensors = dict[str, Any]

WEIGHTS, INDEX, CONFIG = "model.safetensors", "model.safetensors.index.json", "config.json"
TOKENIZER, TOKENIZER_CONFIG, TEMPLATE = "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"
ADAPTER, ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
RAN = "code-ran"
"""What code that comes with a broken folder creates beside the folder when it runs."""
NOT_FILES = ("folder", "pipe", "link out", "link to nothing", "link to itself", "endless device")


def both(*breaks: Break) -> Break:
    """Do one after the other."""

    def change(folder: Path) -> None:
        for one in breaks:
            one(folder)

    return change


def put(name: str, text: str) -> Break:
    """Write a file, whatever is there."""

    def change(folder: Path) -> None:
        _remove(folder / name)
        (folder / name).write_text(text)

    return change


def gone(*names: str) -> Break:
    """Remove files."""

    def change(folder: Path) -> None:
        for name in names:
            _remove(folder / name)

    return change


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)


def copied(name: str, other: str) -> Break:
    """Copy a file under another name."""
    return lambda folder: shutil.copyfile(folder / name, folder / other) and None


def edited(name: str, change: Callable[[dict[str, Any]], object]) -> Break:
    """Change what a JSON file holds."""

    def apply(folder: Path) -> None:
        content = json.loads((folder / name).read_text()) if (folder / name).exists() else {}
        change(content)
        (folder / name).write_text(json.dumps(content))

    return apply


def setting(name: str, **values: Any) -> Break:
    """Set keys of a JSON file; `...` removes one."""

    def change(content: dict[str, Any]) -> None:
        for key, value in values.items():
            if value is ...:
                content.pop(key, None)
            else:
                content[key] = value

    return edited(name, change)


def special(name: str, kind: str) -> Break:
    """Put something that is no file in a file's place."""

    def change(folder: Path) -> None:
        kept = folder.parent / f"outside-{name}"
        if (folder / name).is_file():
            shutil.copyfile(folder / name, kept)
        _remove(folder / name)
        if kind == "folder":
            (folder / name).mkdir()
        elif kind == "pipe":
            os.mkfifo(folder / name)
        else:
            leads = {
                "link out": kept,
                "link to nothing": "nowhere",
                "link to itself": name,
                "endless device": "/dev/zero",
            }
            (folder / name).symlink_to(leads[kind])

    return change


def raw(change: Callable[[bytes], bytes], name: str = WEIGHTS) -> Break:
    """Change the bytes of a file."""
    return lambda folder: (folder / name).write_bytes(change((folder / name).read_bytes())) and None


def header(change: Callable[[dict[str, Any]], object], name: str = WEIGHTS) -> Break:
    """Change what the header of a weights file says; its numbers stay. Bytes that are returned take its place."""

    def apply(content: bytes) -> bytes:
        [n] = struct.unpack("<Q", content[:8])
        said = json.loads(content[8 : 8 + n])
        new = change(said)
        text = new if isinstance(new, bytes) else json.dumps(said).encode()
        return struct.pack("<Q", len(text)) + text + content[8 + n :]

    return raw(apply, name)


def header_length(length: int, name: str = WEIGHTS) -> Break:
    """Have a weights file say that its header has another length."""
    return raw(lambda content: struct.pack("<Q", length) + content[8:], name)


def tensors(change: Callable[[Tensors], Tensors], name: str = WEIGHTS) -> Break:
    """Change the tensors of a weights file."""

    def apply(folder: Path) -> None:
        from safetensors.torch import load_file, save_file

        made = {key: value.contiguous() for key, value in change(load_file(folder / name)).items()}
        save_file(made, folder / name, metadata={"format": "pt"})

    return apply


def in_shards(place: str = "", metadata: Any = ...) -> Break:
    """Put the weights into two shards that an index names, in `place`: a folder below or beside."""

    def apply(folder: Path) -> None:
        from safetensors.torch import load_file, save_file

        held = sorted(load_file(folder / WEIGHTS).items())
        _remove(folder / WEIGHTS)
        (folder / place).mkdir(exist_ok=True, parents=True)
        named = {}
        for number, part in enumerate((held[: len(held) // 2], held[len(held) // 2 :]), start=1):
            file = f"model-{number:05d}-of-00002.safetensors"
            save_file(dict(part), folder / place / file, metadata={"format": "pt"})
            named |= {name: f"{place}/{file}" if place else file for name, _ in part}
        index = {"metadata": {"total_size": 1} if metadata is ... else metadata, "weight_map": named}
        (folder / INDEX).write_text(json.dumps(index))

    return apply


def shards_named(rename: Callable[[str], Any]) -> Break:
    """Have an index call its shards by other names."""

    def change(content: dict[str, Any]) -> None:
        content["weight_map"] = {name: rename(file) for name, file in content["weight_map"].items()}

    return both(in_shards(), edited(INDEX, change))


class _Marks:
    """Unpickled, it creates the folder that tells."""

    def __init__(self, where: Path) -> None:
        self.where = where

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.where),)


def pickled(name: str) -> Break:
    """Put a pickle there that tells when it is opened."""
    return lambda folder: (folder / name).write_bytes(pickle.dumps(_Marks(folder.parent / RAN))) and None


def code(name: str) -> Break:
    """Put a module there that tells when it is imported."""

    def change(folder: Path) -> None:
        (folder / name).parent.mkdir(exist_ok=True)
        tells = f"import os\nos.mkdir({str(folder.parent / RAN)!r})\n"
        (folder / name).write_text(f"{tells}class Model: pass\ndef generate(**k): pass\n")

    return change


def with_template(folder: Path, text: Any) -> Path:
    """Give a model another chat template."""
    both(gone(TEMPLATE), setting(TOKENIZER_CONFIG, chat_template=text))(folder)
    return folder
