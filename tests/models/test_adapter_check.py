import json

import pytest

from dormouse.errors import UserError
from dormouse.models.adapter_check import check_adapter, is_adapter
from faults.broken_adapters import ADAPTERS
from faults.broken_files import ADAPTER, ADAPTER_WEIGHTS, header_length, put, setting

MERGE = "Merge it into its base and give the complete model."
MERGE_ADAPTER = "Merge the adapter into its base and give the complete model."
SAVE = "Save the adapter again with save_pretrained()."


def message(function, *arguments):
    with pytest.raises(UserError) as error:
        function(*arguments)
    return str(error.value)


def test_an_adapter_passes_and_is_told_from_a_model(adapter, model):
    check_adapter(adapter)
    assert is_adapter(adapter)
    assert not is_adapter(model)
    put(ADAPTER, "{}")(model)
    assert not is_adapter(model)


def test_settings_of_the_base_beside_an_adapter_do_not_make_it_a_model(adapter):
    put("config.json", json.dumps({"model_type": "llama"}))(adapter)
    assert is_adapter(adapter)


SAID = {
    "of pickles": (
        "The adapter '{folder}' has no adapter_model.safetensors; pickles can run code when opened, so only "
        "safetensors are loaded. Save it again with save_pretrained(..., safe_serialization=True)."
    ),
    "of an unknown kind": "'{settings}' says that the adapter is of kind 'NOTHING', and only LoRA is supported. "
    + MERGE,
    "of another task": (
        "'{settings}' says that the adapter is for task 'SEQ_CLS', not for a causal LM. "
        "Give an adapter for a causal LM."
    ),
    "of a library of its own": "'{settings}' sets 'megatron_config', which is not supported. " + MERGE_ADAPTER,
    "of many layers": "'{settings}' sets 'layer_replication', which is not supported. " + MERGE_ADAPTER,
    "of rank 1000000000": "'{settings}' sets the rank to 1000000000, but no weight is that large. " + SAVE,
    "without a tensor": "The adapter of '{settings}' holds no weights. " + SAVE,
    "whose settings are a list": "'{settings}' holds a list, not an object. " + SAVE,
    "that is a pipe": (
        "'{folder}/adapter_model.safetensors' is a named pipe, not a file. Take it out of the folder, or put the file "
        "itself there."
    ),
}


@pytest.mark.parametrize("what", SAID)
def test_what_is_wrong_with_an_adapter_is_said(adapter, what):
    ADAPTERS[what](adapter)
    assert message(check_adapter, adapter) == SAID[what].format(folder=adapter, settings=adapter / ADAPTER)


def test_ranks_of_single_layers_are_limited_too(adapter):
    setting(ADAPTER, rank_pattern={"q_proj": 10**9})(adapter)
    assert "sets the rank to 1000000000" in message(check_adapter, adapter)
    setting(ADAPTER, rank_pattern={"q_proj": 4})(adapter)
    check_adapter(adapter)
    setting(ADAPTER, rank_pattern=7)(adapter)
    check_adapter(adapter)


def test_a_broken_header_is_refused(adapter):
    header_length(10**15, ADAPTER_WEIGHTS)(adapter)
    assert "is not a complete safetensors file" in message(check_adapter, adapter)
