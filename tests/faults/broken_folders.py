"""Ways to break the folder of a model or an adapter, each a function that changes a good folder in place."""

from __future__ import annotations

import json
import os
import pickle
import re
import shutil
import struct
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

Break = Callable[[Path], None]

WEIGHTS, INDEX, CONFIG = "model.safetensors", "model.safetensors.index.json", "config.json"
TOKENIZER, TOKENIZER_CONFIG, TEMPLATE = "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"
ADAPTER, ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
RAN = "code-ran"
"""What code that comes with a broken folder creates beside the folder when it runs."""

TEMPLATES = {
    "the same text": "{{- 'Hello' -}}",
    "without its words": "{%- for turn in messages -%}{{- turn['role'] + ': ' -}}{%- endfor -%}",
    "without the system turn": (
        "{%- for turn in messages if turn['role'] != 'system' -%}{{- turn['role'] + ': ' + turn['content'] + eos_token -}}"
        "{%- endfor -%}{%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}"
    ),
    "with the last turn alone": "{{- messages[-1]['role'] + ': ' + messages[-1]['content'] + eos_token -}}",
    "that shouts": (
        "{%- for turn in messages -%}{{- turn['role'] + ': ' + turn['content'] | upper + eos_token -}}{%- endfor -%}"
        "{%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}"
    ),
    "with a syntax error": "{%- for turn in messages -%}{{ turn.content }}",
    "with an unknown filter": "{{ messages | shout }}",
    "that raises": "{{ raise_exception('no') }}",
    "that divides by nothing": "{{ 1 // 0 }}",
    "that adds a number": "{{ 'a' + 1 }}",
    "that never ends": "{% for a in range(90000) %}{% for b in range(90000) %}{% endfor %}{% endfor %}",
    "that counts far": "{% for i in range(10**9) %}{{ i }}{% endfor %}",
    "that eats memory": "{{ ('a' * 10**9) * 20 | length }}",
    "that doubles": "{% set ns = namespace(a='a') %}{% for i in range(60) %}{% set ns.a = ns.a + ns.a %}{% endfor %}{{ ns.a }}",
    "of a giant power": "{{ 9 ** (9 ** 9) }}",
    "of a giant power of names": "{% set n = 9 %}{{ n ** (n ** n) }}",
    "that calls itself": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "of deep brackets": "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
    "that pads": "{{ 'a'.ljust(10**10) }}",
    "that formats": "{{ '%9999999999d' % 1 }}",
    "that reaches out": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "that includes": "{% include '/etc/passwd' %}",
    "empty": "",
}


class _Marks:
    """Unpickled, it creates the file that tells."""

    def __init__(self, where: Path) -> None:
        self.where = where

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.where),)


def pickled(folder: Path, name: str) -> None:
    (folder / name).write_bytes(pickle.dumps(_Marks(folder.parent / RAN)))


def code(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(
        f"import os\nos.mkdir({str(folder.parent / RAN)!r})\nclass Model: pass\ndef generate(**k): pass\n"
    )


def put(name: str, text: str | bytes) -> Break:
    return lambda folder: (
        _replaced(folder, name),
        (folder / name).write_bytes(text.encode() if isinstance(text, str) else text),
    )[0]


def _replaced(folder: Path, name: str) -> None:
    if (folder / name).is_dir():
        shutil.rmtree(folder / name)
    (folder / name).unlink(missing_ok=True)


def setting(name: str, **values: Any) -> Break:
    """Set keys of a JSON file; `...` removes one."""

    def change(folder: Path) -> None:
        content = json.loads((folder / name).read_text()) if (folder / name).exists() else {}
        for key, value in values.items():
            if value is ...:
                content.pop(key, None)
            else:
                content[key] = value
        (folder / name).write_text(json.dumps(content))

    return change


def gone(*names: str) -> Break:
    def change(folder: Path) -> None:
        for name in names:
            _replaced(folder, name)

    return change


def special(name: str, kind: str) -> Break:
    """Put something that is no file in a file's place."""

    def change(folder: Path) -> None:
        kept = folder.parent / f"outside-{name}"
        if (folder / name).is_file():
            shutil.copyfile(folder / name, kept)
        _replaced(folder, name)
        match kind:
            case "folder":
                (folder / name).mkdir()
            case "pipe":
                os.mkfifo(folder / name)
            case "link out":
                (folder / name).symlink_to(kept)
            case "link to nothing":
                (folder / name).symlink_to("nowhere")
            case "link to itself":
                (folder / name).symlink_to(name)
            case "endless device":
                (folder / name).symlink_to("/dev/zero")

    return change


def header(change: Callable[[dict[str, Any]], Any], name: str = WEIGHTS) -> Break:
    """Change what the header of a weights file says; its numbers stay."""

    def apply(folder: Path) -> None:
        raw = (folder / name).read_bytes()
        [n] = struct.unpack("<Q", raw[:8])
        said = json.loads(raw[8 : 8 + n])
        new = change(said)
        text = new if isinstance(new, bytes) else json.dumps(said if new is None else new).encode()
        (folder / name).write_bytes(struct.pack("<Q", len(text)) + text + raw[8 + n :])

    return apply


def raw(change: Callable[[bytes], bytes], name: str = WEIGHTS) -> Break:
    return lambda folder: (folder / name).write_bytes(change((folder / name).read_bytes())) and None


def tensors(change: Callable[[dict[str, Any]], dict[str, Any]], name: str = WEIGHTS) -> Break:
    """Change the tensors of a weights file."""

    def apply(folder: Path) -> None:
        from safetensors.torch import load_file, save_file

        made = {key: value.contiguous() for key, value in change(load_file(folder / name)).items()}
        save_file(made, folder / name, metadata={"format": "pt"})

    return apply


def both(*breaks: Break) -> Break:
    def change(folder: Path) -> None:
        for one in breaks:
            one(folder)

    return change


def _first(said: dict[str, Any]) -> dict[str, Any]:
    return said[next(name for name in said if name != "__metadata__")]


def _everywhere(value: float) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda held: {name: one.clone().fill_(value) for name, one in held.items()}


def _one_number(value: float, of: str, at: int = 0) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def change(held: dict[str, Any]) -> dict[str, Any]:
        name = next(name for name in held if of in name)
        held[name].view(-1)[at] = value
        return held

    return change


def _without(of: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda held: {name: one for name, one in held.items() if of not in name}


def _with(name: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda held: {**held, name: next(iter(held.values())).clone()}


def in_shards(place: str = "", suffix: str = ".safetensors", metadata: Any = ...) -> Break:
    """Put the weights into two shards that an index names: in `place`, a folder below or above."""

    def apply(folder: Path) -> None:
        from safetensors.torch import load_file, save_file

        held = sorted(load_file(folder / WEIGHTS).items())
        _replaced(folder, WEIGHTS)
        named = {}
        (folder / place).mkdir(exist_ok=True, parents=True)
        for number, part in enumerate((held[: len(held) // 2], held[len(held) // 2 :]), start=1):
            file = f"model-{number:05d}-of-00002{suffix}"
            save_file(dict(part), folder / place / file, metadata={"format": "pt"})
            named |= {name: f"{place}/{file}" if place else file for name, _ in part}
        index = {"metadata": {"total_size": 1} if metadata is ... else metadata, "weight_map": named}
        (folder / INDEX).write_text(json.dumps(index))

    return apply


def shards_named(rename: Callable[[str], Any]) -> Break:
    """Have the index call shards by other names."""

    def apply(folder: Path) -> None:
        index = json.loads((folder / INDEX).read_text())
        index["weight_map"] = {name: rename(file) for name, file in index["weight_map"].items()}
        (folder / INDEX).write_text(json.dumps(index))

    return both(in_shards(), apply)


def of_bert(folder: Path) -> None:
    """Make the model one that reads in both directions."""
    from transformers import BertConfig, BertLMHeadModel

    rows = max(json.loads((folder / TOKENIZER).read_text())["model"]["vocab"].values()) + 8
    config = BertConfig(
        vocab_size=rows,
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        is_decoder=False,
    )
    BertLMHeadModel(config).save_pretrained(folder)


def _tokenizer(change: Callable[[dict[str, Any]], None]) -> Break:
    def apply(folder: Path) -> None:
        content = json.loads((folder / TOKENIZER).read_text())
        change(content)
        (folder / TOKENIZER).write_text(json.dumps(content))

    return apply


def _no_letters(content: dict[str, Any]) -> None:
    vocab = content["model"]["vocab"]
    content["model"]["vocab"] = {
        word: at for word, at in vocab.items() if not re.search("[a-zA-Z]", word) or word[0] == "<"
    }
    content["model"]["merges"] = []


def _pattern(regex: str) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        content["pre_tokenizer"] = {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": False},
                content["pre_tokenizer"],
            ],
        }

    return change


def _doubling(content: dict[str, Any]) -> None:
    double = {"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}
    content["normalizer"] = {"type": "Sequence", "normalizers": [double] * 60}


def _lower(content: dict[str, Any]) -> None:
    content["normalizer"] = {"type": "Lowercase"}


def with_template(folder: Path, text: Any) -> Path:
    """Give a model another chat template."""
    both(gone(TEMPLATE), setting(TOKENIZER_CONFIG, chat_template=text))(folder)
    return folder


def _template(text: Any) -> Break:
    return lambda folder: with_template(folder, text) and None


DEEP = "[" * 100_000 + "]" * 100_000
DIGITS = "1" + "0" * 5000

NOT_FILES = ("folder", "pipe", "link out", "link to nothing", "link to itself", "endless device")

WRONG_WEIGHTS: dict[str, Break] = {
    "names with an adapter's prefix": tensors(lambda held: {f"base_model.model.{name}": one for name, one in held.items()}),
    "without the last norm": tensors(_without("model.norm")),
    "without one projection": tensors(_without("layers.1.self_attn.q_proj")),
    "without its output": tensors(_without("lm_head")),
    "without embeddings": tensors(_without("embed_tokens")),
    "with one tensor too many": tensors(_with("model.layers.7.self_attn.q_proj.weight")),
    "with one tensor under two names": tensors(lambda held: {**held, "norm.weight": held["model.norm.weight"] + 1}),
    "without a tensor": tensors(lambda held: {}),
    "of a model that is not causal": of_bert,
    "of one wrong shape": tensors(lambda held: {**held, "model.norm.weight": held["model.norm.weight"][:-1]}),
    "turned round": tensors(lambda held: {name: one.T if one.dim() == 2 else one for name, one in held.items()}),
    "that are no numbers": tensors(_everywhere(float("nan"))),
    "with one that is no number": tensors(_one_number(float("nan"), "q_proj")),
    "that are infinite": tensors(_one_number(float("inf"), "norm")),
    "that are absurd": tensors(_everywhere(1e38)),
    "with one that is absurd": tensors(_one_number(1e38, "embed_tokens", -1)),
    "that are all zero": tensors(_everywhere(0.0)),
    "that are whole numbers": tensors(lambda held: {name: (one * 50).char() for name, one in held.items()}),
    "of which one is of whole numbers": tensors(lambda held: {name: (one * 50).int() if "q_proj" in name else one for name, one in held.items()}),
    "of which one is complex": tensors(lambda held: {name: one.cfloat() if "q_proj" in name else one for name, one in held.items()}),
}  # fmt: skip

BROKEN_WEIGHTS: dict[str, Break] = {
    "cut in half": raw(lambda held: held[: len(held) // 2]),
    "cut by a byte": raw(lambda held: held[:-1]),
    "longer by a byte": raw(lambda held: held + b"\0"),
    "empty": raw(lambda held: b""),
    "of four bytes": raw(lambda held: held[:4]),
    "of its header's length": raw(lambda held: held[:8]),
    "with a header of no bytes": raw(lambda held: struct.pack("<Q", 0) + held[8:]),
    "with a header of a petabyte": raw(lambda held: struct.pack("<Q", 10**15) + held[8:]),
    "with a header of 2**64 bytes": raw(lambda held: b"\xff" * 8 + held[8:]),
    "with a header as long as the file": raw(lambda held: struct.pack("<Q", len(held)) + held[8:]),
    "with a header of noise": header(lambda said: b"\x00\xff" * 200),
    "with a header that is a list": header(lambda said: b"[]"),
    "with a header that is deep": header(lambda said: b'{"a":' + DEEP.encode() + b"}"),
    "with overlapping tensors": header(lambda said: [one.update(data_offsets=[0, one["data_offsets"][1] - one["data_offsets"][0]]) for name, one in said.items() if name != "__metadata__"] and None),
    "with tensors past the end": header(lambda said: _first(said).update(data_offsets=[10**12, 10**12 + 4])),
    "with tensors before the start": header(lambda said: _first(said).update(data_offsets=[-4, 0])),
    "with offsets of many digits": header(lambda said: json.dumps(said).encode().replace(b'"data_offsets": [', f'"data_offsets": [{DIGITS},'.encode(), 1)),
    "with offsets that are text": header(lambda said: _first(said).update(data_offsets="ab")),
    "without offsets": header(lambda said: _first(said).pop("data_offsets") and None),
    "of an unknown number format": header(lambda said: _first(said).update(dtype="F33")),
    "of a number format that is a list": header(lambda said: _first(said).update(dtype=["F32"])),
    "of a negative shape": header(lambda said: _first(said).update(shape=[-32, -400])),
    "of a giant shape": header(lambda said: _first(said).update(shape=[2**40, 2**40])),
    "of a shape that is a number": header(lambda said: _first(said).update(shape=7)),
    "whose tensor is a number": header(lambda said: said.update({"model.norm.weight": 7})),
    "of two tensors of one name": header(lambda said: b'{"model.norm.weight": {"dtype":"F32","shape":[1],"data_offsets":[0,4]},' + json.dumps(said).encode()[1:]),
    **{f"that are a {kind}": special(WEIGHTS, kind) for kind in NOT_FILES},
    "that are not there": gone(WEIGHTS),
}  # fmt: skip

INDEXES: dict[str, Break] = {
    "that names a pickle": both(shards_named(lambda file: "x.bin"), partial(pickled, name="x.bin")),
    "that names a pickle of a good ending": both(shards_named(lambda file: "x.safetensors"), partial(pickled, name="x.safetensors")),
    "that names files above": both(in_shards("../elsewhere")),
    "that names files by whole paths": both(in_shards(), lambda folder: setting(INDEX, weight_map={name: str(folder / file) for name, file in json.loads((folder / INDEX).read_text())["weight_map"].items()})(folder)),
    "that names what is not there": shards_named(lambda file: "nowhere.safetensors"),
    "that names the folder": shards_named(lambda file: "."),
    "that names nothing": shards_named(lambda file: ""),
    "that names numbers": shards_named(lambda file: 7),
    "that names lists": shards_named(lambda file: [file]),
    "that names one shard of two": shards_named(lambda file: "model-00001-of-00002.safetensors"),
    "that names a pipe": both(in_shards(), lambda folder: special("model-00002-of-00002.safetensors", "pipe")(folder)),
    "that is not JSON": both(in_shards(), put(INDEX, "{")),
    "that is a list": both(in_shards(), put(INDEX, "[]")),
    "that is empty": both(in_shards(), put(INDEX, "{}")),
    "of a list": both(in_shards(), setting(INDEX, weight_map=["a"])),
    "without facts": in_shards(metadata=None),
    "that is a pipe": both(in_shards(), special(INDEX, "pipe")),
    "whose shards hold a tensor twice": both(in_shards(), lambda folder: shutil.copyfile(folder / "model-00001-of-00002.safetensors", folder / "model-00003-of-00002.safetensors") and setting(INDEX, weight_map={**json.loads((folder / INDEX).read_text())["weight_map"], "x": "model-00003-of-00002.safetensors"})(folder)),
    "whose shards lack a tensor": both(in_shards(), tensors(_without("norm"), "model-00002-of-00002.safetensors")),
}  # fmt: skip

OTHER_WAYS_IN: dict[str, Break] = {
    "weights named by the configuration": both(partial(pickled, name="adapter_model.bin"), setting(CONFIG, transformers_weights="adapter_model.bin")),
    "other weights named by the configuration": both(lambda folder: shutil.copyfile(folder / WEIGHTS, folder / "other.safetensors") and None, setting(CONFIG, transformers_weights="other.safetensors")),
    "an adapter of pickles beside the model": both(partial(pickled, name="adapter_model.bin"), put(ADAPTER, json.dumps({"peft_type": "LORA", "r": 2, "target_modules": ["q_proj"], "base_model_name_or_path": ""}))),
    "shards of a distributed checkpoint": lambda folder: shutil.copyfile(folder / WEIGHTS, folder / "shard-00000-model-00001-of-00001.safetensors") and None,
    "code for an unknown type": both(partial(code, name="modeling_mine.py"), setting(CONFIG, model_type="mine", auto_map={"AutoConfig": "modeling_mine.Model", "AutoModelForCausalLM": "modeling_mine.Model"})),
    "bits and bytes": setting(CONFIG, quantization_config={"quant_method": "bitsandbytes", "load_in_8bit": True}),
    "a quantisation that nobody knows": setting(CONFIG, quantization_config={"quant_method": "mine"}),
    "attention from the hub": setting(CONFIG, attn_implementation="someone/kernel"),
    "attention from the hub, inside": setting(CONFIG, _attn_implementation="someone/kernel"),
    "fusions": setting(CONFIG, fusion_config={"patch_embeddings": True}),
    "words for a tokenizer": setting(TOKENIZER_CONFIG, init_inputs=["/etc/passwd"]),
    "a vocabulary elsewhere": setting(TOKENIZER_CONFIG, vocab_file="/etc/passwd"),
    "a GGUF elsewhere": setting(TOKENIZER_CONFIG, gguf_file="/etc/passwd"),
    "a versioned tokenizer elsewhere": setting(TOKENIZER_CONFIG, fast_tokenizer_files=["../tokenizer.4.0.json"]),
}  # fmt: skip

HARMLESS: dict[str, Break] = {
    "untouched": lambda folder: None,
    "with pickles beside": both(partial(pickled, name="pytorch_model.bin"), partial(pickled, name="training_args.bin")),
    "with an index beside": put(INDEX, "{"),
    "with code that is not needed": both(partial(code, name="modeling_mine.py"), setting(CONFIG, auto_map={"AutoModelForCausalLM": "modeling_mine.Model"})),
    "with a function to generate": partial(code, name="custom_generate/generate.py"),
    "in shards": in_shards(),
    "in shards below": in_shards("weights"),
    "with a map of special tokens elsewhere": setting(TOKENIZER_CONFIG, special_tokens_map_file="/etc/passwd"),
    "with notes": both(put("notes.txt", "mine"), lambda folder: (folder / "logs").mkdir()),
}  # fmt: skip

CONFIGS: dict[str, Break] = {
    "that is not JSON": put(CONFIG, "{"),
    "that is empty": put(CONFIG, ""),
    "that is a list": put(CONFIG, "[]"),
    "that is a number": put(CONFIG, "7"),
    "that is null": put(CONFIG, "null"),
    "of no setting": put(CONFIG, "{}"),
    "in UTF-16": lambda folder: (folder / CONFIG).write_bytes((folder / CONFIG).read_text().encode("utf-16")) and None,
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
    **{
        f"of {key} {value!r}": setting(CONFIG, **{key: value})
        for key in ("num_hidden_layers", "hidden_size", "vocab_size", "num_attention_heads", "intermediate_size", "head_dim")
        for value in (0, -1, 100_000, 10**12, "many", [2], True)
    },
    **{f"that is a {kind}": special(CONFIG, kind) for kind in NOT_FILES},
    "that is not there": gone(CONFIG),
}  # fmt: skip

TOKENIZERS: dict[str, Break] = {
    "that is not there": gone(TOKENIZER, TOKENIZER_CONFIG, TEMPLATE),
    "without its vocabulary": gone(TOKENIZER),
    "that is not JSON": put(TOKENIZER, "{"),
    "that is a list": put(TOKENIZER, "[]"),
    "of no setting": put(TOKENIZER, "{}"),
    "that is deep": put(TOKENIZER, DEEP),
    "of an empty vocabulary": _tokenizer(lambda content: content["model"].update(vocab={}, merges=[])),
    "of an empty vocabulary and no tokens": _tokenizer(lambda content: content.update(added_tokens=[]) or content["model"].update(vocab={}, merges=[])),
    "of ids past the embeddings": _tokenizer(lambda content: content["model"]["vocab"].update({"zzz": 10**6})),
    "of ids past all numbers": _tokenizer(lambda content: content["model"]["vocab"].update({"zzz": 2**40})),
    "of negative ids": _tokenizer(lambda content: content["model"]["vocab"].update({"zzz": -1})),
    "of an unknown model": _tokenizer(lambda content: content["model"].update(type="Nothing")),
    "of merges that are none": _tokenizer(lambda content: content["model"].update(merges=[["a", "zzzzq"]])),
    "without letters": _tokenizer(_no_letters),
    "that forgets capitals": _tokenizer(_lower),
    "of a pattern that never ends": _tokenizer(_pattern(r"(?:[a-z ]+)+[^\x00-\x7f]")),
    "of normalizers that double": _tokenizer(_doubling),
    "of a pattern that is none": _tokenizer(_pattern("(((")),
    "with settings that are not JSON": put(TOKENIZER_CONFIG, "{"),
    "with settings that are a list": put(TOKENIZER_CONFIG, "[]"),
    "of an unknown class": setting(TOKENIZER_CONFIG, tokenizer_class="os.system"),
    "of a class that is a number": setting(TOKENIZER_CONFIG, tokenizer_class=7),
    "with code": both(partial(code, name="tokenization_mine.py"), setting(TOKENIZER_CONFIG, tokenizer_class="Mine", auto_map={"AutoTokenizer": ["tokenization_mine.Model", None]})),
    "without an end": both(setting(TOKENIZER_CONFIG, eos_token=...), _template("{%- for turn in messages -%}{{- turn['content'] + ' ' -}}{%- endfor -%}")),
    "with tokens that are none": setting(TOKENIZER_CONFIG, added_tokens_decoder={"x": 7}),
    "with tokens past the embeddings": setting(TOKENIZER_CONFIG, added_tokens_decoder={"1000000000": {"content": "<x>"}}),
    "with a template that is a number": _template(7),
    "with templates that are numbers": _template([7]),
    "with templates of no default": _template([{"name": "mine", "template": "{{ messages }}"}]),
    **{f"with a template {what}": _template(text) for what, text in TEMPLATES.items()},
    "with a template in a folder": both(gone(TEMPLATE), special(TEMPLATE, "folder")),
    "with a template in a pipe": special(TEMPLATE, "pipe"),
    "with a template from outside": special(TEMPLATE, "link out"),
    "with more templates in a pipe": lambda folder: (folder / "additional_chat_templates").mkdir() or os.mkfifo(folder / "additional_chat_templates" / "x.jinja"),
    **{f"that is a {kind}": special(TOKENIZER, kind) for kind in NOT_FILES},
    **{f"with settings that are a {kind}": special(TOKENIZER_CONFIG, kind) for kind in NOT_FILES},
    "with generation settings that are not JSON": put("generation_config.json", "{"),
    "with generation settings that are a list": put("generation_config.json", "[]"),
    "with generation settings that are wrong": setting("generation_config.json", temperature="hot", max_length=-1),
    "with generation settings that are a pipe": special("generation_config.json", "pipe"),
    "with a map of special tokens that is a list": both(setting(TOKENIZER_CONFIG, added_tokens_decoder=...), put("special_tokens_map.json", "[]")),
}  # fmt: skip

ADAPTERS: dict[str, Break] = {
    "that changes nothing": tensors(lambda held: {name: one * 0 if "lora_B" in name else one for name, one in held.items()}, ADAPTER_WEIGHTS),
    "without one tensor": tensors(_without("layers.0.self_attn.q_proj.lora_B"), ADAPTER_WEIGHTS),
    "with one tensor too many": tensors(_with("base_model.model.model.layers.9.self_attn.q_proj.lora_A.weight"), ADAPTER_WEIGHTS),
    "of other names": tensors(lambda held: {name.replace("base_model.model.", ""): one for name, one in held.items()}, ADAPTER_WEIGHTS),
    "without a tensor": tensors(lambda held: {}, ADAPTER_WEIGHTS),
    "that are no numbers": tensors(_everywhere(float("nan")), ADAPTER_WEIGHTS),
    "that are absurd": tensors(_everywhere(1e38), ADAPTER_WEIGHTS),
    "of whole numbers": tensors(lambda held: {name: (one * 50).char() for name, one in held.items()}, ADAPTER_WEIGHTS),
    "of another width": tensors(lambda held: {name: one[:, :-1] if "lora_A" in name else one for name, one in held.items()}, ADAPTER_WEIGHTS),
    "cut in half": raw(lambda held: held[: len(held) // 2], ADAPTER_WEIGHTS),
    "with a header of a petabyte": raw(lambda held: struct.pack("<Q", 10**15) + held[8:], ADAPTER_WEIGHTS),
    "of pickles": both(gone(ADAPTER_WEIGHTS), partial(pickled, name="adapter_model.bin")),
    **{f"that is a {kind}": special(ADAPTER_WEIGHTS, kind) for kind in NOT_FILES},
    **{f"whose settings are a {kind}": special(ADAPTER, kind) for kind in ("pipe", "link out", "link to itself")},
    "whose settings are not JSON": put(ADAPTER, "{"),
    "whose settings are a list": put(ADAPTER, "[]"),
    "of no kind": setting(ADAPTER, peft_type=...),
    "of an unknown kind": setting(ADAPTER, peft_type="NOTHING"),
    "of a kind that is a list": setting(ADAPTER, peft_type=["LORA"]),
    "of prompts": setting(ADAPTER, peft_type="PROMPT_TUNING"),
    "of other adapters": setting(ADAPTER, peft_type="XLORA", adapters={"a": "/etc"}),
    **{f"of rank {value!r}": setting(ADAPTER, r=value) for value in (0, -1, 10**9, 10**30, "8", [8], None, 3)},
    **{f"of alpha {value!r}": setting(ADAPTER, lora_alpha=value) for value in ("much", [1], float("nan"), 10**400)},
    **{f"of targets {value!r}": setting(ADAPTER, target_modules=value) for value in (7, [], ["nothing"], "(", "(.+)+X", ["q_proj"])},
    "of a task that is none": setting(ADAPTER, task_type="NOTHING"),
    "of another task": setting(ADAPTER, task_type="SEQ_CLS"),
    "of many layers": setting(ADAPTER, layer_replication=[[0, 2]] * 100_000),
    "of a library of its own": setting(ADAPTER, megatron_config={"a": 1}, megatron_core="this"),
    "with an unknown setting": setting(ADAPTER, what_is_this=1),
    "that begins by a decomposition": setting(ADAPTER, init_lora_weights="pissa"),
}  # fmt: skip
