import json
import subprocess
import sys
import time

import pytest

from dormouse.errors import UserError
from dormouse.models import folder_check
from dormouse.models.folder_check import check_folder, check_tokenizer, find_unlisted
from families import FAMILIES, save_family
from faults.broken_files import ADAPTER, CONFIG, TOKENIZER, TOKENIZER_CONFIG, both, gone, put, setting
from faults.broken_folders import CONFIGS, HARMLESS, OTHER_WAYS_IN, TOKENIZERS

SAVE = "Save the model again with save_pretrained()."
SAVE_TOKENIZER = "Save the tokenizer again with save_pretrained()."
PLAIN = "Give a model with plain weights, or convert this one."
INSTEAD = "Correct it; for a base, base.template=plain uses Human and Assistant turns instead."


def message(function, *arguments, **settings):
    with pytest.raises(UserError) as error:
        function(*arguments, **settings)
    return str(error.value)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_passes(name, tmp_path):
    folder = save_family(name, tmp_path)
    check_folder(folder)
    check_tokenizer(folder)


@pytest.mark.parametrize("what", HARMLESS)
def test_what_does_no_harm_passes(model, what):
    HARMLESS[what](model)
    check_folder(model)
    check_tokenizer(model)


def test_a_folder_that_is_none_is_said(model, tmp_path):
    nowhere = tmp_path / "nowhere"
    assert message(check_folder, nowhere) == (
        f"Model folder '{nowhere}' does not exist. Check the path, or download the model there first."
    )
    assert message(check_folder, model / CONFIG) == (
        f"Model folder '{model / CONFIG}' is a file. Give the folder that it lies in."
    )
    gone(CONFIG)(model)
    assert message(check_folder, model) == (
        f"Model folder '{model}' has no config.json. Save the model with save_pretrained() first."
    )
    put(ADAPTER, "{}")(model)
    assert message(check_folder, model) == (
        f"Model folder '{model}' has no config.json: it holds an adapter. Give the adapter as the organism "
        "(organism.given.path), and the model it was trained on as the base."
    )


CONFIG_SAID = {
    "that is a list": "'{config}' holds a list, not an object. " + SAVE,
    "without a type": "'{config}' has no model_type, so nothing says what the model is. " + SAVE,
    "of a number format that is none": (
        "'{config}' sets 'dtype' to 'int8', which is not a known number format. Set it to float32, bfloat16 or float16."
    ),
    "of num_hidden_layers 100000": (
        "'{config}' sets 'num_hidden_layers' to 100000, but the weights hold 21 tensors, and at most 2000 layers are "
        "built. " + SAVE
    ),
    "of hidden_size 1000000000000": (
        "'{config}' sets 'hidden_size' to 1000000000000, but no tensor of the weights is that wide. " + SAVE
    ),
    "of no context": "'{config}' sets 'max_position_embeddings' to 0, which is not a whole number above 0. " + SAVE,
    "that is a pipe": "'{config}' is a named pipe, not a file. Take it out of the folder, or put the file itself "
    "there.",
}


@pytest.mark.parametrize("what", CONFIG_SAID)
def test_what_is_wrong_with_a_configuration_is_said(model, what):
    CONFIGS[what](model)
    assert message(check_folder, model) == CONFIG_SAID[what].format(config=model / CONFIG)


WAYS_SAID = {
    "weights named by the configuration": (
        "'{config}' names a weights file of its own ('transformers_weights'), which is not supported. " + PLAIN
    ),
    "an adapter of pickles beside the model": (
        "Model folder '{model}' holds a model and an adapter (adapter_config.json). Merge the two, or move the "
        "adapter to a folder of its own."
    ),
    "shards of a distributed checkpoint": (
        "Model folder '{model}' holds a shard of a distributed checkpoint "
        "('shard-00000-model-00001-of-00001.safetensors'). Save the whole model with save_pretrained()."
    ),
    "bits and bytes": (
        "'{config}' says that the weights are quantized ('quantization_config'), which is not supported. " + PLAIN
    ),
    "attention from the hub": (
        "'{config}' sets 'attn_implementation' to 'someone/kernel', which may be code from elsewhere. Remove the "
        "setting."
    ),
}


@pytest.mark.parametrize("what", WAYS_SAID)
def test_other_ways_to_files_and_code_are_closed(model, what):
    OTHER_WAYS_IN[what](model)
    assert message(check_folder, model) == WAYS_SAID[what].format(config=model / CONFIG, model=model)


def test_settings_of_the_text_model_within_another_are_checked_too(model):
    setting(CONFIG, text_config={"hidden_size": 10**12})(model)
    assert "'hidden_size' to 1000000000000" in message(check_folder, model)
    setting(CONFIG, text_config={"quantization_config": {"bits": 4}})(model)
    assert "the weights are quantized" in message(check_folder, model)


def test_layers_of_different_sizes_are_left_to_transformers(model):
    setting(CONFIG, n_layers=[1, 2])(model)
    check_folder(model)


TOKENIZER_SAID = {
    "that is not there": "Model folder '{model}' has no tokenizer. Save it there with tokenizer.save_pretrained().",
    "of an empty vocabulary": "'{tokenizer}' has no vocabulary, so no text has tokens. " + SAVE_TOKENIZER,
    "with settings that are a list": "'{settings}' holds a list, not an object. " + SAVE_TOKENIZER,
    "with a template that is a number": "The chat template in '{settings}' is 7, not a text. " + INSTEAD,
    "with a template with a syntax error": (
        "The chat template in '{settings}' cannot be parsed: Unexpected end of template. Jinja was looking for the "
        "following "
        "tags: 'endfor' or 'else'. The innermost block that needs to be closed is 'for'. " + INSTEAD
    ),
    "with a template of deep brackets": (
        "The chat template in '{settings}' is nested too deeply to be parsed. " + INSTEAD
    ),
    "with a map of special tokens that is a list": (
        "'{model}/special_tokens_map.json' holds a list, not an object. " + SAVE_TOKENIZER
    ),
}


@pytest.mark.parametrize("what", TOKENIZER_SAID)
def test_what_is_wrong_with_a_tokenizer_is_said(model, what):
    TOKENIZERS[what](model)
    names = {"model": model, "tokenizer": model / TOKENIZER, "settings": model / TOKENIZER_CONFIG}
    assert message(check_tokenizer, model) == TOKENIZER_SAID[what].format(**names)


def test_a_tokenizer_opens_nothing_besides_its_own_files(model):
    setting(TOKENIZER_CONFIG, vocab_file="/etc/passwd")(model)
    assert message(check_tokenizer, model) == (
        f"'{model / TOKENIZER_CONFIG}' sets 'vocab_file' to '/etc/passwd', but a tokenizer is read from its own "
        "files only. Remove the setting."
    )


def test_a_template_beyond_all_use_is_not_parsed(model):
    both(gone("chat_template.jinja"), setting(TOKENIZER_CONFIG, chat_template="a" * 300_000))(model)
    assert message(check_tokenizer, model) == (
        f"The chat template in '{model / TOKENIZER_CONFIG}' has 300000 characters, and at most 262144 are read. "
        f"{INSTEAD}"
    )


def test_where_ours_takes_its_place_a_broken_template_does_not_matter(model):
    put("chat_template.jinja", "{% for %}")(model)
    assert message(check_tokenizer, model).startswith(
        f"The chat template in '{model / 'chat_template.jinja'}' cannot be"
    )
    check_tokenizer(model, with_template=False)


def test_files_that_would_be_opened_and_are_not_listed_are_named(model):
    listed = [path.name for path in model.iterdir()]
    put("notes.txt", "mine")(model)
    assert find_unlisted(model, listed) == []
    for name in ("special_tokens_map.json", "tokenizer.model"):
        put(name, "{}")(model)
        assert find_unlisted(model, listed) == [name]
        (model / name).unlink()


def test_a_folder_that_stays_as_it_is_is_read_once(model, monkeypatch):
    check_folder(model)
    monkeypatch.setattr(folder_check, "read_all_tensors", lambda folder: pytest.fail("read again"))
    check_folder(model)
    (model / CONFIG).write_text(json.dumps(json.loads((model / CONFIG).read_text()) | {"dtype": "int8"}))
    with pytest.raises(pytest.fail.Exception, match="read again"):
        check_folder(model)


def test_folders_are_checked_without_torch_and_at_once(model):
    code = (
        "import sys, pathlib\nfrom dormouse.bases.hub import Folder\n"
        f"base = Folder(path={str(model)!r})\nbase.fingerprint()\nbase.label()\nassert 'torch' not in sys.modules\n"
        "assert 'transformers' not in sys.modules\n"
    )
    started = time.monotonic()
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    assert time.monotonic() - started < 20
