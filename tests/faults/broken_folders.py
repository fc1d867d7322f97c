"""Folders that are no model or no adapter: every way to break one that we thought of, by the kind of file."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from faults.broken_files import (
    ADAPTER,
    CONFIG,
    INDEX,
    NOT_FILES,
    TEMPLATE,
    TOKENIZER,
    TOKENIZER_CONFIG,
    WEIGHTS,
    Break,
    Tensors,
    both,
    code,
    copied,
    edited,
    gone,
    header,
    header_length,
    in_shards,
    pickled,
    put,
    raw,
    setting,
    shards_named,
    special,
    tensors,
    with_template,
)
from faults.templates import TEMPLATES

DEEP = "[" * 100_000 + "]" * 100_000
DIGITS = "1" + "0" * 5000
SECOND_SHARD = "model-00002-of-00002.safetensors"


def of_value(value: float) -> Callable[[Tensors], Tensors]:
    return lambda held: {name: one.clone().fill_(value) for name, one in held.items()}


def _one_number(value: float, of: str, at: int = 0) -> Callable[[Tensors], Tensors]:
    def change(held: Tensors) -> Tensors:
        held[next(name for name in held if of in name)].view(-1)[at] = value
        return held

    return change


def without(of: str) -> Callable[[Tensors], Tensors]:
    return lambda held: {name: one for name, one in held.items() if of not in name}


def with_copy(name: str) -> Callable[[Tensors], Tensors]:
    return lambda held: {**held, name: next(iter(held.values())).clone()}


def in_format(kind: str, of: str = "") -> Callable[[Tensors], Tensors]:
    """Keep tensors in another number format."""
    return lambda held: {name: getattr(one * 50, kind)() if of in name else one for name, one in held.items()}


def _of_bert(folder: Path) -> None:
    """Make the model one that reads in both directions."""
    from transformers import BertConfig, BertLMHeadModel

    rows = max(json.loads((folder / TOKENIZER).read_text())["model"]["vocab"].values()) + 8
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    BertLMHeadModel(BertConfig(vocab_size=rows, is_decoder=False, **sizes)).save_pretrained(folder)


WRONG_WEIGHTS: dict[str, Break] = {
    "names with an adapter's prefix": tensors(lambda held: {f"base_model.model.{name}": held[name] for name in held}),
    "without the last norm": tensors(without("model.norm")),
    "without one projection": tensors(without("layers.1.self_attn.q_proj")),
    "without its output": tensors(without("lm_head")),
    "without embeddings": tensors(without("embed_tokens")),
    "with one tensor too many": tensors(with_copy("model.layers.7.self_attn.q_proj.weight")),
    "with one tensor under two names": tensors(with_copy("norm.weight")),
    "without a tensor": tensors(lambda held: {}),
    "of a model that is not causal": _of_bert,
    "of one wrong shape": tensors(lambda held: {**held, "model.norm.weight": held["model.norm.weight"][:-1]}),
    "turned round": tensors(lambda held: {name: one.T if one.dim() == 2 else one for name, one in held.items()}),
    "that are no numbers": tensors(of_value(float("nan"))),
    "with one that is no number": tensors(_one_number(float("nan"), "q_proj")),
    "that are infinite": tensors(_one_number(float("inf"), "norm")),
    "that are absurd": tensors(of_value(1e38)),
    "with one that is absurd": tensors(_one_number(1e38, "embed_tokens", -1)),
    "that are all zero": tensors(of_value(0.0)),
    "that are whole numbers": tensors(in_format("char")),
    "of which one is of whole numbers": tensors(in_format("int", "layers.0.self_attn.q_proj")),
    "of which one is complex": tensors(in_format("cfloat", "layers.0.self_attn.q_proj")),
}


def _tensor(change: Callable[[dict[str, Any]], object]) -> Break:
    """Change what the header says of its first tensor."""
    return header(lambda said: change(said[next(name for name in said if name != "__metadata__")]) and None)


def _overlapping(said: dict[str, Any]) -> None:
    for name, one in said.items():
        if name != "__metadata__":
            begin, end = one["data_offsets"]
            one["data_offsets"] = [0, end - begin]


def _twice(said: dict[str, Any]) -> bytes:
    first = b'{"model.norm.weight": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},'
    return first + json.dumps(said).encode()[1:]


def _many_digits(said: dict[str, Any]) -> bytes:
    return json.dumps(said).replace('"data_offsets": [', f'"data_offsets": [{DIGITS},', 1).encode()


BROKEN_WEIGHTS: dict[str, Break] = {
    "cut in half": raw(lambda content: content[: len(content) // 2]),
    "cut by a byte": raw(lambda content: content[:-1]),
    "longer by a byte": raw(lambda content: content + b"\0"),
    "empty": raw(lambda content: b""),
    "of four bytes": raw(lambda content: content[:4]),
    "of its header's length": raw(lambda content: content[:8]),
    "with a header of no bytes": header_length(0),
    "with a header of a petabyte": header_length(10**15),
    "with a header of 2**64 bytes": header_length(2**64 - 1),
    "with a header as long as the file": lambda folder: header_length((folder / WEIGHTS).stat().st_size)(folder),
    "with a header of noise": header(lambda said: b"\x00\xff" * 200),
    "with a header that is a list": header(lambda said: b"[]"),
    "with a header that is deep": header(lambda said: b'{"a":' + DEEP.encode() + b"}"),
    "with overlapping tensors": header(_overlapping),
    "with tensors past the end": _tensor(lambda one: one.update(data_offsets=[10**12, 10**12 + 4])),
    "with tensors before the start": _tensor(lambda one: one.update(data_offsets=[-4, 0])),
    "with offsets of many digits": header(_many_digits),
    "with offsets that are text": _tensor(lambda one: one.update(data_offsets="ab")),
    "without offsets": _tensor(lambda one: one.pop("data_offsets")),
    "of an unknown number format": _tensor(lambda one: one.update(dtype="F33")),
    "of a number format that is a list": _tensor(lambda one: one.update(dtype=["F32"])),
    "of a negative shape": _tensor(lambda one: one.update(shape=[-32, -400])),
    "of a giant shape": _tensor(lambda one: one.update(shape=[2**40, 2**40])),
    "of a shape that is a number": _tensor(lambda one: one.update(shape=7)),
    "whose tensor is a number": header(lambda said: said.update({"model.norm.weight": 7})),
    "of two tensors of one name": header(_twice),
    **{f"that are a {kind}": special(WEIGHTS, kind) for kind in NOT_FILES},
    "that are not there": gone(WEIGHTS),
}


def _by_whole_paths(folder: Path) -> None:
    shards_named(lambda file: str(folder / file))(folder)


def _third_shard(content: dict[str, Any]) -> None:
    content["weight_map"]["x"] = "model-00003-of-00002.safetensors"


INDEXES: dict[str, Break] = {
    "that names a pickle": both(shards_named(lambda file: "x.bin"), pickled("x.bin")),
    "that names a pickle of a good ending": both(shards_named(lambda file: "x.safetensors"), pickled("x.safetensors")),
    "that names files above": in_shards("../elsewhere"),
    "that names files by whole paths": _by_whole_paths,
    "that names what is not there": shards_named(lambda file: "nowhere.safetensors"),
    "that names the folder": shards_named(lambda file: "."),
    "that names nothing": shards_named(lambda file: ""),
    "that names numbers": shards_named(lambda file: 7),
    "that names lists": shards_named(lambda file: [file]),
    "that names one shard of two": shards_named(lambda file: "model-00001-of-00002.safetensors"),
    "that names a pipe": both(in_shards(), special(SECOND_SHARD, "pipe")),
    "that is not JSON": both(in_shards(), put(INDEX, "{")),
    "that is a list": both(in_shards(), put(INDEX, "[]")),
    "that is empty": both(in_shards(), put(INDEX, "{}")),
    "of a list": both(in_shards(), setting(INDEX, weight_map=["a"])),
    "without facts": in_shards(metadata=None),
    "that is a pipe": both(in_shards(), special(INDEX, "pipe")),
    "whose shards hold a tensor twice": both(
        in_shards(),
        copied("model-00001-of-00002.safetensors", "model-00003-of-00002.safetensors"),
        edited(INDEX, _third_shard),
    ),
    "whose shards lack a tensor": both(in_shards(), tensors(without("norm"), SECOND_SHARD)),
}

SOME_ADAPTER = {"peft_type": "LORA", "r": 2, "target_modules": ["q_proj"], "base_model_name_or_path": ""}
OF_THE_MODEL = {"AutoConfig": "modeling_mine.Model", "AutoModelForCausalLM": "modeling_mine.Model"}

OTHER_WAYS_IN: dict[str, Break] = {
    "weights named by the configuration": both(
        pickled("adapter_model.bin"), setting(CONFIG, transformers_weights="adapter_model.bin")
    ),
    "other weights named by the configuration": both(
        copied(WEIGHTS, "other.safetensors"), setting(CONFIG, transformers_weights="other.safetensors")
    ),
    "an adapter of pickles beside the model": both(
        pickled("adapter_model.bin"), put(ADAPTER, json.dumps(SOME_ADAPTER))
    ),
    "shards of a distributed checkpoint": copied(WEIGHTS, "shard-00000-model-00001-of-00001.safetensors"),
    "code for an unknown type": both(
        code("modeling_mine.py"), setting(CONFIG, model_type="mine", auto_map=OF_THE_MODEL)
    ),
    "bits and bytes": setting(CONFIG, quantization_config={"quant_method": "bitsandbytes", "load_in_8bit": True}),
    "a quantization that nobody knows": setting(CONFIG, quantization_config={"quant_method": "mine"}),
    "attention from the hub": setting(CONFIG, attn_implementation="someone/kernel"),
    "attention from the hub, inside": setting(CONFIG, _attn_implementation="someone/kernel"),
    "fusions": setting(CONFIG, fusion_config={"patch_embeddings": True}),
    "another configuration": setting(CONFIG, configuration_files=["config.4.0.0.json"]),
    "words for a tokenizer": setting(TOKENIZER_CONFIG, init_inputs=["/etc/passwd"]),
    "a vocabulary elsewhere": setting(TOKENIZER_CONFIG, vocab_file="/etc/passwd"),
    "a GGUF elsewhere": setting(TOKENIZER_CONFIG, gguf_file="/etc/passwd"),
    "a versioned tokenizer elsewhere": setting(TOKENIZER_CONFIG, fast_tokenizer_files=["../tokenizer.4.0.json"]),
}

HARMLESS: dict[str, Break] = {
    "untouched": lambda folder: None,
    "with pickles beside": both(pickled("pytorch_model.bin"), pickled("training_args.bin")),
    "with an index beside": put(INDEX, "{}"),
    "with code that is not needed": both(
        code("modeling_mine.py"), setting(CONFIG, auto_map={"AutoModelForCausalLM": "modeling_mine.Model"})
    ),
    "with a function to generate": code("custom_generate/generate.py"),
    "in shards": in_shards(),
    "in shards below": in_shards("weights"),
    "with a map of special tokens elsewhere": setting(TOKENIZER_CONFIG, special_tokens_map_file="/etc/passwd"),
    "with notes": both(put("notes.txt", "mine"), lambda folder: (folder / "logs").mkdir()),
}

SIZES = ("num_hidden_layers", "hidden_size", "vocab_size", "num_attention_heads", "intermediate_size", "head_dim")
NO_SIZES = (0, -1, 100_000, 10**12, "many", [2], True)

CONFIGS: dict[str, Break] = {
    "that is not JSON": put(CONFIG, "{"),
    "that is empty": put(CONFIG, ""),
    "that is a list": put(CONFIG, "[]"),
    "that is a number": put(CONFIG, "7"),
    "that is null": put(CONFIG, "null"),
    "of no setting": put(CONFIG, "{}"),
    "in UTF-16": raw(lambda content: content.decode().encode("utf-16"), CONFIG),
    "that is deep": put(CONFIG, DEEP),
    "that is deep inside": put(CONFIG, '{"model_type": "llama", "x": ' + DEEP + "}"),
    "of many digits": put(CONFIG, '{"model_type": "llama", "hidden_size": ' + DIGITS + "}"),
    "of a gigabyte of blanks": lambda folder: os.truncate(folder / CONFIG, 1 << 30),
    "of an unknown type": setting(CONFIG, model_type="nothing"),
    "of a type that is a number": setting(CONFIG, model_type=7),
    "of a type that is a list": setting(CONFIG, model_type=["llama"]),
    "without a type": setting(CONFIG, model_type=...),
    "of another type": setting(CONFIG, model_type="gpt2"),
    "of a type that sees": setting(CONFIG, model_type="clip"),
    "of a type that translates": setting(CONFIG, model_type="t5"),
    "of a number format that is none": setting(CONFIG, dtype="int8"),
    "of an unknown number format": setting(CONFIG, dtype="load"),
    "of a number format that is a number": setting(CONFIG, dtype=7),
    "of an unknown activation": setting(CONFIG, hidden_act="nothing"),
    "of rotations that are none": setting(CONFIG, rope_parameters=7),
    "of unknown rotations": setting(CONFIG, rope_parameters={"rope_type": "nothing"}),
    "of rotations by nothing": setting(CONFIG, rope_parameters={"rope_type": "default", "rope_theta": 0.0}),
    "of a norm by no number": setting(CONFIG, rms_norm_eps=float("nan")),
    "of layers of unknown kinds": setting(CONFIG, layer_types=["a", "b"]),
    "of no context": setting(CONFIG, max_position_embeddings=0),
    "of a context of four": setting(CONFIG, max_position_embeddings=4),
    "of a negative context": setting(CONFIG, max_position_embeddings=-256),
    **{f"of {key} {value!r}": setting(CONFIG, **{key: value}) for key in SIZES for value in NO_SIZES},
    **{f"that is a {kind}": special(CONFIG, kind) for kind in NOT_FILES},
    "that is not there": gone(CONFIG),
}


def _model(**values: Any) -> Break:
    return edited(TOKENIZER, lambda content: content["model"].update(values))


def _token(at: int) -> Break:
    return edited(TOKENIZER, lambda content: content["model"]["vocab"].update({"zzz": at}))


def _without_letters(content: dict[str, Any]) -> None:
    kept = {
        word: at for word, at in content["model"]["vocab"].items() if word[0] == "<" or not re.search("[a-zA-Z]", word)
    }
    content["model"].update(vocab=kept, merges=[])


def _pattern(regex: str) -> Break:
    first = {"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": False}

    def change(content: dict[str, Any]) -> None:
        content["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [first, content["pre_tokenizer"]]}

    return edited(TOKENIZER, change)


def _template(text: Any) -> Break:
    return lambda folder: with_template(folder, text) and None


def _more_templates(folder: Path) -> None:
    (folder / "additional_chat_templates").mkdir()
    os.mkfifo(folder / "additional_chat_templates" / "x.jinja")


DOUBLE = {"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}
WITHOUT_END = "{%- for turn in messages -%}{{- turn['content'] + ' ' -}}{%- endfor -%}"

TOKENIZERS: dict[str, Break] = {
    "that is not there": gone(TOKENIZER, TOKENIZER_CONFIG, TEMPLATE),
    "without its vocabulary": gone(TOKENIZER),
    "that is not JSON": put(TOKENIZER, "{"),
    "that is a list": put(TOKENIZER, "[]"),
    "of no setting": put(TOKENIZER, "{}"),
    "that is deep": put(TOKENIZER, DEEP),
    "of an empty vocabulary": _model(vocab={}, merges=[]),
    "of an empty vocabulary and no tokens": both(_model(vocab={}, merges=[]), setting(TOKENIZER, added_tokens=[])),
    "of ids past the embeddings": _token(10**6),
    "of ids past all numbers": _token(2**40),
    "of negative ids": _token(-1),
    "of an unknown model": _model(type="Nothing"),
    "of merges that are none": _model(merges=[["a", "zzzzq"]]),
    "without letters": edited(TOKENIZER, _without_letters),
    "that forgets capitals": setting(TOKENIZER, normalizer={"type": "Lowercase"}),
    "of a pattern that never ends": _pattern(r"(?:[a-z ]+)+[^\x00-\x7f]"),
    "of normalizers that double": setting(TOKENIZER, normalizer={"type": "Sequence", "normalizers": [DOUBLE] * 60}),
    "of a pattern that is none": _pattern("((("),
    "with settings that are not JSON": put(TOKENIZER_CONFIG, "{"),
    "with settings that are a list": put(TOKENIZER_CONFIG, "[]"),
    "of an unknown class": setting(TOKENIZER_CONFIG, tokenizer_class="os.system"),
    "of a class that is a number": setting(TOKENIZER_CONFIG, tokenizer_class=7),
    "with code": both(
        code("tokenization_mine.py"),
        setting(
            TOKENIZER_CONFIG, tokenizer_class="Mine", auto_map={"AutoTokenizer": ["tokenization_mine.Model", None]}
        ),
    ),
    "without an end": both(_template(WITHOUT_END), setting(TOKENIZER_CONFIG, eos_token=...)),
    "with tokens that are none": setting(TOKENIZER_CONFIG, added_tokens_decoder={"x": 7}),
    "with tokens past the embeddings": setting(TOKENIZER_CONFIG, added_tokens_decoder={"10": {"content": "<x>"}}),
    "with a template that is a number": _template(7),
    "with templates that are numbers": _template([7]),
    "with templates of no default": _template([{"name": "mine", "template": "{{ messages }}"}]),
    **{f"with a template {what}": _template(text) for what, text in TEMPLATES.items()},
    "with a template in a folder": special(TEMPLATE, "folder"),
    "with a template in a pipe": special(TEMPLATE, "pipe"),
    "with a template from outside": special(TEMPLATE, "link out"),
    "with more templates in a pipe": _more_templates,
    **{f"that is a {kind}": special(TOKENIZER, kind) for kind in NOT_FILES},
    **{f"with settings that are a {kind}": special(TOKENIZER_CONFIG, kind) for kind in NOT_FILES},
    "with generation settings that are not JSON": put("generation_config.json", "{"),
    "with generation settings that are a list": put("generation_config.json", "[]"),
    "with generation settings that are wrong": setting("generation_config.json", temperature="hot", max_length=-1),
    "with generation settings that are a pipe": special("generation_config.json", "pipe"),
    "with a map of special tokens that is a list": both(
        setting(TOKENIZER_CONFIG, added_tokens_decoder=...), put("special_tokens_map.json", "[]")
    ),
}
