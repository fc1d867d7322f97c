"""Checks a model folder without importing torch: its files can be opened, and its settings fit its weights.

The limits are those of `foreign_files` and the constants here. `loading` and `adoption` check what only shows when the
model is opened.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from dormouse.errors import UserError
from dormouse.machine.foreign_files import (
    TABLE,
    is_folder,
    is_there,
    read_object,
    read_text,
    shown,
)
from dormouse.models.weight_files import (
    INDEX,
    TEMPLATES,
    WEIGHTS,
    Tensor,
    list_opened_files,
    read_all_tensors,
    stat_files,
)

CONFIG = "config.json"
TOKENIZER = "tokenizer.json"
TOKENIZER_CONFIG = "tokenizer_config.json"
TEMPLATE = "chat_template.jinja"
ADAPTER = "adapter_config.json"
GENERATION = "generation_config.json"
VOCABULARIES = (TOKENIZER, "vocab.json", "vocab.txt", "tekken.json")
"""Files that a tokenizer is opened from, besides those that end in `.model`."""
TOKENS = ("special_tokens_map.json", "added_tokens.json")
LOOKED_FOR = (
    CONFIG,
    GENERATION,
    WEIGHTS,
    INDEX,
    ADAPTER,
    TOKENIZER_CONFIG,
    TEMPLATE,
    *VOCABULARIES,
    *TOKENS,
    "merges.txt",
)
"""Names of files that are opened in any folder."""
SHARD_OF_MANY = re.compile(r"shard-\d{5}-model-\d{5}-of-\d{5}\.safetensors")
"""Names of weights files that make Transformers ignore the other weights of a folder."""

SAVE = "Save the model again with save_pretrained()."
SAVE_TOKENIZER = "Save the tokenizer again with save_pretrained()."
PLAIN = "Give a model with plain weights, or convert this one."

ELSEWHERE = {
    "transformers_weights": "names a weights file of its own",
    "configuration_files": "names other configurations",
    "quantization_config": "says that the weights are quantized",
    "compression_config": "says that the weights are compressed",
    "fusion_config": "asks for fused layers",
}
"""Settings that lead to unchecked files or code -> what they do, for an error."""
IMPLEMENTATIONS = ("attn_implementation", "_attn_implementation", "experts_implementation", "_experts_implementation")
BUILT_IN = (
    None,
    "eager",
    "sdpa",
    "flash_attention_2",
    "flash_attention_3",
    "flex_attention",
    "batched_mm",
    "grouped_mm",
)
"""Names of Transformers' own implementations; any other name may be code on the hub."""
DTYPES = (
    None,
    "float64",
    "float32",
    "bfloat16",
    "float16",
    *(f"torch.float{bits}" for bits in (64, 32, 16)),
    "torch.bfloat16",
)

LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "num_decoder_layers")
MOST_LAYERS = 2000
"""Most layers: the deepest models have a twentieth of that."""
CONTEXTS = ("max_position_embeddings", "n_positions", "seq_length")
"""Names of the context length. Architectures without position embeddings may state none."""
WIDTHS = ("hidden_size", "n_embd", "d_model", "vocab_size")
"""Names of sizes that are a dimension of some tensor."""

INSTEAD = "Correct it; for a base, base.template=plain uses Human and Assistant turns instead."
LONGEST_TEMPLATE = 256 << 10
"""Longest chat template, in characters: the longest in use have a fifth of that."""
TOKENIZER_INPUTS = ("init_inputs", "vocab", "merges", "gguf_file", "tokenizer_object", "fast_tokenizer_files")
"""Refused tokenizer settings: their values belong in the tokenizer's own files, or they are not settings."""
NEVER_OPENED = ("special_tokens_map_file", "tokenizer_file", "added_tokens_file")
"""Paths on the machine that saved a tokenizer; nothing reads them."""


def check_folder(folder: Path) -> None:
    """Raise `UserError` unless the folder holds a model whose weights are all safetensors and fit its configuration."""
    check_is_folder(folder)
    if not is_there(folder / CONFIG):
        if is_there(folder / ADAPTER):
            raise UserError(
                f"Model folder '{folder}' has no {CONFIG}: it holds an adapter. Give the adapter as the organism "
                "(organism.given.path), and the model it was trained on as the base."
            )
        raise UserError(f"Model folder '{folder}' has no {CONFIG}. Save the model with save_pretrained() first.")
    _check_whole(folder, stat_files(list_opened_files(folder)))


@lru_cache(maxsize=64)
def _check_whole(folder: Path, _: tuple[tuple[Path, int, int], ...]) -> None:
    """Check a folder once for as long as its files do not change: every cell of a grid asks."""
    config = read_object(folder / CONFIG, SAVE)
    there = read_all_tensors(folder)
    if is_there(folder / ADAPTER):
        raise UserError(
            f"Model folder '{folder}' holds a model and an adapter ({ADAPTER}). Merge the two, or move the adapter to "
            "a folder of its own."
        )
    if shards := [path.name for path in folder.iterdir() if SHARD_OF_MANY.fullmatch(path.name)]:
        raise UserError(
            f"Model folder '{folder}' holds a shard of a distributed checkpoint ('{shards[0]}'). "
            "Save the whole model with save_pretrained()."
        )
    if not there:
        raise UserError(f"The weights files of model folder '{folder}' hold no tensors. {SAVE}")
    _check_config(folder / CONFIG, config)
    for part in _parts(config):
        _check_sizes(folder / CONFIG, part, there)
    if is_there(folder / GENERATION):
        read_object(folder / GENERATION, SAVE)


def find_unlisted(folder: Path, listed: Collection[str]) -> list[str]:
    """Return the files that would be opened as part of a model but are not listed in its record."""
    there = ((path.relative_to(folder).as_posix(), path) for path in list_opened_files(folder))
    return [
        name
        for name, path in there
        if name not in listed and (path.name in LOOKED_FOR or path.suffix == ".model" or path.parent != folder)
    ]


def check_is_folder(folder: Path) -> None:
    """Raise `UserError` unless the folder exists and can be read."""
    if not is_folder(folder):
        if is_there(folder):
            raise UserError(f"Model folder '{folder}' is a file. Give the folder that it lies in.")
        raise UserError(f"Model folder '{folder}' does not exist. Check the path, or download the model there first.")
    try:
        next(folder.iterdir(), None)
    except OSError as error:
        raise UserError(f"Model folder '{folder}' cannot be read: {error.strerror}. Make it readable.") from error


def _parts(config: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return a configuration and those inside it, such as that of the text model."""
    return [config, *(one for one in config.values() if isinstance(one, dict))]


def _check_config(path: Path, config: Mapping[str, Any]) -> None:
    kind = config.get("model_type")
    if not isinstance(kind, str) or not kind:
        raise UserError(f"'{path}' has no model_type, so nothing says what the model is. {SAVE}")
    for part in _parts(config):
        for name, what in ELSEWHERE.items():
            if part.get(name):
                raise UserError(f"'{path}' {what} ('{name}'), which is not supported. {PLAIN}")
        for name in IMPLEMENTATIONS:
            chosen = part.get(name)
            if isinstance(chosen, dict | list) or chosen not in BUILT_IN:
                raise UserError(
                    f"'{path}' sets '{name}' to {shown(chosen)}, which may be code from elsewhere. Remove the setting."
                )
        for name in ("dtype", "torch_dtype"):
            if isinstance(part.get(name), dict | list) or part.get(name) not in DTYPES:
                raise UserError(
                    f"'{path}' sets '{name}' to {shown(part[name])}, which is not a known number format. Set it to "
                    "float32, bfloat16 or float16."
                )


def _check_sizes(path: Path, config: Mapping[str, Any], there: Mapping[str, Tensor]) -> None:
    """Raise `UserError` if a size cannot be that of these tensors: building it might take all memory or time."""
    widest = max((size for tensor in there.values() for size in tensor.shape), default=0)
    sizes = {name: config[name] for name in (*LAYERS, *WIDTHS, *CONTEXTS) if config.get(name) is not None}
    for name, size in sizes.items():
        if isinstance(size, bool | str | float) or (isinstance(size, int) and size < 1):
            raise UserError(f"'{path}' sets '{name}' to {shown(size)}, which is not a whole number above 0. {SAVE}")
        if not isinstance(size, int):  # Some architectures list one for each layer.
            continue
        if name in LAYERS and size > min(len(there), MOST_LAYERS):
            raise UserError(
                f"'{path}' sets '{name}' to {shown(size)}, but the weights hold {len(there)} tensors, and at "
                f"most {MOST_LAYERS} layers are built. {SAVE}"
            )
        if name in WIDTHS and size > widest:
            raise UserError(
                f"'{path}' sets '{name}' to {shown(size)}, but no tensor of the weights is that wide. {SAVE}"
            )


def has_tokenizer(folder: Path) -> bool:
    """Return whether a folder holds a tokenizer, even a broken one."""
    known = (TOKENIZER_CONFIG, *VOCABULARIES)
    return any(is_there(folder / name) for name in known) or any(folder.glob("*.model"))


def check_tokenizer(folder: Path, *, with_template: bool = True) -> None:
    """Raise `UserError` unless the folder holds a tokenizer with a vocabulary, and chat templates that can be parsed.

    Without `with_template` its own templates are not checked, because another one replaces them.
    """
    if not has_tokenizer(folder):
        raise UserError(f"Model folder '{folder}' has no tokenizer. Save it there with tokenizer.save_pretrained().")
    _check_tokens(folder, stat_files(list_opened_files(folder)), with_template)


@lru_cache(maxsize=64)
def _check_tokens(folder: Path, _: tuple[tuple[Path, int, int], ...], with_template: bool) -> None:
    path = folder / TOKENIZER_CONFIG
    settings = read_object(path, SAVE_TOKENIZER) if is_there(path) else {}
    for name, value in settings.items():
        if value and (name in TOKENIZER_INPUTS or (name.endswith("_file") and name not in NEVER_OPENED)):
            raise UserError(
                f"'{path}' sets '{name}' to {shown(value)}, but a tokenizer is read from its own files only. "
                "Remove the setting."
            )
    for name in TOKENS:
        if is_there(folder / name):
            read_object(folder / name, SAVE_TOKENIZER)
    if is_there(folder / TOKENIZER):
        model = read_object(folder / TOKENIZER, SAVE_TOKENIZER, TABLE).get("model")
        vocabulary = model.get("vocab") if isinstance(model, dict) else None
        if not isinstance(vocabulary, dict | list) or not vocabulary:
            raise UserError(f"'{folder / TOKENIZER}' has no vocabulary, so no text has tokens. {SAVE_TOKENIZER}")
    if with_template:
        for where, template in _templates(folder, settings):
            _check_template(template, where)


def _templates(folder: Path, settings: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield each chat template and its place; template files take precedence over the setting."""
    files = [folder / TEMPLATE] if is_there(folder / TEMPLATE) else []
    files += sorted((folder / TEMPLATES).glob("*.jinja"))
    for path in files:
        yield f"in '{path}'", read_text(path, SAVE_TOKENIZER, LONGEST_TEMPLATE)
    named = settings.get("chat_template")
    if named is None or files:
        return
    listed = named if isinstance(named, list) else [named]
    for one in listed:
        yield (
            f"in '{folder / TOKENIZER_CONFIG}'",
            one["template"] if isinstance(one, dict) and "template" in one else one,
        )


def _check_template(template: Any, where: str) -> None:
    from dormouse.models.template_syntax import find_syntax_error  # imports jinja2, which takes 0.1 s

    if not isinstance(template, str):
        raise UserError(f"The chat template {where} is {shown(template)}, not a text. {INSTEAD}")
    if len(template) > LONGEST_TEMPLATE:
        raise UserError(
            f"The chat template {where} has {len(template)} characters, and at most {LONGEST_TEMPLATE} are read. "
            f"{INSTEAD}"
        )
    if problem := find_syntax_error(template):
        raise UserError(f"The chat template {where} {problem}. {INSTEAD}")
