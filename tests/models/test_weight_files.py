import json
import re
from pathlib import Path

import pytest
import transformers

from dormouse.errors import UserError
from dormouse.models.weight_files import (
    LONGEST_HEADER,
    OPENED,
    count_parameters,
    fingerprint,
    read_all_tensors,
    read_tensors,
    weight_files,
)
from faults.broken_files import INDEX, WEIGHTS, header, in_shards, raw, shards_named
from faults.broken_folders import BROKEN_WEIGHTS, INDEXES

AGAIN = "Copy the file again, or save the model again with save_pretrained()."
PICKLES = "pickles can run code when opened, so only safetensors are loaded."


def message(function, *arguments):
    with pytest.raises(UserError) as error:
        function(*arguments)
    return str(error.value)


@pytest.mark.parametrize("place", ["", "weights"])
def test_shards_are_the_same_weights(model, place):
    whole, found = read_all_tensors(model), count_parameters(model)
    in_shards(place)(model)
    assert read_all_tensors(model) == whole
    assert count_parameters(model) == found
    assert [file.parent for file in weight_files(model)] == [model / place] * 2


def test_shards_below_the_folder_are_in_its_fingerprint(model):
    in_shards("weights")(model)
    before = fingerprint(model)
    shard = model / "weights" / "model-00002-of-00002.safetensors"
    raw(lambda content: content[:-1] + bytes([content[-1] ^ 1]), shard.name)(shard.parent)
    assert fingerprint(model) != before


def test_further_chat_templates_are_in_the_fingerprint(model):
    before = fingerprint(model)
    (model / "additional_chat_templates").mkdir()
    (model / "additional_chat_templates" / "x.jinja").write_text("{{ messages }}")
    assert fingerprint(model) != before


def test_only_the_weights_that_are_opened_are_counted(model):
    found = count_parameters(model)
    (model / "consolidated.safetensors").write_bytes((model / WEIGHTS).read_bytes())
    assert count_parameters(model) == found


def test_every_file_that_a_tokenizer_of_transformers_reads_is_of_an_ending_that_is_looked_at():
    named = set()
    for source in Path(transformers.__file__).parent.glob("**/tokenization*.py"):
        for table in re.findall(r"^VOCAB_FILES_NAMES = \{(.*?)\}", source.read_text(), re.M | re.S):
            named |= set(re.findall(r':\s*"([^"]+)"', table))
    assert {"tokenizer.json", "vocab.txt", "tokenizer.model"} <= named
    assert {name for name in named if not name.endswith(OPENED)} == set()


SAID = {
    "cut in half": "'{file}' has 83312 bytes, but its header describes 166624. " + AGAIN,
    "longer by a byte": "'{file}' has 166625 bytes, but its header describes 166624. " + AGAIN,
    "empty": "'{file}' is not a complete safetensors file: it has 0 bytes, but its header alone would have 0. " + AGAIN,
    "with a header of a petabyte": (
        "'{file}' is not a complete safetensors file: it has 166624 bytes, but its header alone would have "
        "1000000000000000. " + AGAIN
    ),
    "with a header of noise": "The header of '{file}' is not JSON: Expecting value: line 1 column 1 (char 0). " + AGAIN,
    "with a header that is a list": "The header of '{file}' is not a list of tensors. " + AGAIN,
    "with a header that is deep": "The header of '{file}' is nested too deeply to be read. " + AGAIN,
    "with overlapping tensors": (
        "Tensor 'model.layers.0.post_attention_layernorm.weight' of '{file}' is not where its header says: "
        "128 bytes from byte 128 on. " + AGAIN
    ),
    "of an unknown number format": (
        "Tensor 'lm_head.weight' of '{file}' is in the number format 'F33'. Save the model in float32, bfloat16 or "
        "float16."
    ),
    "of a negative shape": "The header of '{file}' does not describe tensor 'lm_head.weight'. " + AGAIN,
    "of two tensors of one name": "The header of '{file}' cannot be read: it holds 'model.norm.weight' twice. " + AGAIN,
    "that are a pipe": "'{file}' is a named pipe, not a file. " + AGAIN,
}


@pytest.mark.parametrize("what", SAID)
def test_what_is_wrong_with_a_weights_file_is_said(model, what):
    BROKEN_WEIGHTS[what](model)
    assert message(read_all_tensors, model) == SAID[what].format(file=model / WEIGHTS)


def test_a_header_without_end_is_not_read(model):
    with (model / WEIGHTS).open("r+b") as file:
        file.write((LONGEST_HEADER + 1).to_bytes(8, "little"))
        file.truncate(LONGEST_HEADER + 100)
    expected = (
        f"The header of '{model / WEIGHTS}' has {LONGEST_HEADER + 1} bytes, and at most {LONGEST_HEADER} are read. "
    )
    assert message(read_tensors, model / WEIGHTS) == expected + AGAIN


@pytest.mark.parametrize("what", BROKEN_WEIGHTS)
def test_every_broken_weights_file_is_refused(model, what):
    BROKEN_WEIGHTS[what](model)
    message(read_all_tensors, model)


INDEX_SAID = {
    "that names a pickle": (
        "'{index}' names 'x.bin'; " + PICKLES + " Convert it with save_pretrained(..., safe_serialization=True)."
    ),
    "that names files above": (
        "'{index}' names '../elsewhere/model-00001-of-00002.safetensors', which is not a file of its folder. " + AGAIN
    ),
    "that names numbers": "'{index}' names 7, which is not a file of its folder. " + AGAIN,
    "that is empty": (
        "'{index}' names no shards: it needs a 'weight_map' of tensors to files, and 'metadata'. " + AGAIN
    ),
    "whose shards hold a tensor twice": (
        "Tensor 'lm_head.weight' of '{model}' is in 'model-00003-of-00002.safetensors' and in another shard. " + AGAIN
    ),
}


@pytest.mark.parametrize("what", INDEX_SAID)
def test_what_is_wrong_with_an_index_is_said(model, what):
    INDEXES[what](model)
    assert message(read_all_tensors, model) == INDEX_SAID[what].format(index=model / INDEX, model=model)


@pytest.mark.parametrize(
    "what", [what for what in INDEXES if what not in ("that names one shard of two", "whose shards lack a tensor")]
)
def test_every_index_that_leads_elsewhere_is_refused(model, what):
    INDEXES[what](model)
    message(read_all_tensors, model)


def test_weights_under_another_name_are_named(model):
    (model / WEIGHTS).rename(model / "model-00001-of-00001.safetensors")
    assert message(read_all_tensors, model) == (
        f"Model folder '{model}' has 'model-00001-of-00001.safetensors', but neither {WEIGHTS} nor an {INDEX} that "
        "names its files. Save the model with save_pretrained()."
    )
    (model / "model-00001-of-00001.safetensors").unlink()
    assert (
        message(read_all_tensors, model)
        == f"Model folder '{model}' has no weights. Save the model there with save_pretrained()."
    )


def test_a_link_out_of_the_folder_is_said(model, tmp_path):
    (model / WEIGHTS).rename(tmp_path / "elsewhere.safetensors")
    (model / WEIGHTS).symlink_to("../elsewhere.safetensors")
    expected = f"'{model / WEIGHTS}' leads out of its folder, to '{tmp_path / 'elsewhere.safetensors'}'. "
    assert message(weight_files, model) == expected + "Copy the file itself into the folder: cp -L follows links."
    assert message(fingerprint, model).startswith(expected)


def test_a_header_with_spaces_at_its_end_is_whole(model):
    before = read_all_tensors(model)
    header(lambda said: json.dumps(said).encode() + b"   ")(model)
    assert read_all_tensors(model) == before


def test_an_index_may_name_fewer_shards_than_there_are_files(model):
    shards_named(lambda file: file)(model)
    (model / "other.safetensors").touch()
    assert len(weight_files(model)) == 2


@pytest.mark.parametrize("shape", [[2] * 17, [1 << 63], [10**4000] * 16])
def test_shapes_beyond_all_use_are_not_multiplied(model, shape):
    header(lambda said: said["lm_head.weight"].update(shape=shape) or None)(model)
    assert (
        message(read_all_tensors, model)
        == f"The header of '{model / WEIGHTS}' does not describe tensor 'lm_head.weight'. {AGAIN}"
    )
