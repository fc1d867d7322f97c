import sys

import pytest

from dormouse.bases.hub import Folder
from dormouse.errors import UserError
from dormouse.models.adapter_opening import merge_adapter
from dormouse.models.loading import load_model
from dormouse.training.work import Work
from faults.broken_adapters import ADAPTERS


@pytest.fixture(scope="module")
def base(good_model, tmp_path_factory):
    """Return the folder of the good model as a plan's base."""
    work = Work("base", {"seed": 0}, {}, tmp_path_factory.mktemp("base"))
    Folder(path=good_model).build(work)
    return work.model_folder


def message(function, *arguments):
    with pytest.raises(UserError) as error:
        function(*arguments)
    return str(error.value)


def test_an_adapter_changes_what_it_was_trained_to_change(base, adapter):
    model, tokenizer = merge_adapter(base, adapter)
    before = load_model(base).state_dict()
    changed = {name for name, weight in model.state_dict().items() if not weight.equal(before[name])}
    assert len(changed) == 14
    assert all("proj" in name for name in changed)
    assert tokenizer.name_or_path == str(base)


SAID = {
    "that changes nothing": (
        "The adapter '{folder}' changes nothing: the base gives the same answers without it. Give one that "
        "was saved after its training."
    ),
    "without one tensor": (
        "The adapter '{folder}' does not fit the plan's base: 1 of its weights are missing "
        "(base_model.model.model.layers.0.self_attn.q_proj.lora_B.default.weight). It was made for '{made_for}'. Set "
        "base to that model."
    ),
    "with one tensor too many": (
        "The adapter '{folder}' does not fit the plan's base: 1 have no place in the base "
        "(base_model.model.model.layers.9.self_attn.q_proj.lora_A.weight). It was made for '{made_for}'. Set base to "
        "that model."
    ),
    "that are no numbers": (
        "The adapter '{folder}' makes the base's logits infinite or NaN in torch.float32. Give one "
        "whose training did not diverge."
    ),
    "of whole numbers": (
        "Weight 'base_model.model.model.layers.0.mlp.down_proj.lora_A.weight' of the adapter '{folder}' has dtype "
        "I8. Save it in float32, bfloat16 or float16."
    ),
    "with an unknown setting": (
        "'{folder}/adapter_config.json' sets what_is_this, which the installed PEFT does not know. "
        "pip install --upgrade peft"
    ),
    "of targets ['nothing']": (
        "The adapter '{folder}' cannot be opened: Target modules {{'nothing'}} not found in the base model. Please "
        "check the target modules and try again. Save it again with save_pretrained(), in the version of Transformers "
        "that is installed here."
    ),
}


@pytest.mark.parametrize("what", SAID)
def test_an_adapter_that_is_not_used_whole_is_refused(base, adapter, good_model, what):
    ADAPTERS[what](adapter)
    assert message(merge_adapter, base, adapter) == SAID[what].format(folder=adapter, made_for=good_model)


def test_a_rank_that_is_not_that_of_the_weights_is_refused(base, adapter):
    ADAPTERS["of rank 3"](adapter)
    assert "does not fit the plan's base: size mismatch for base_model" in message(merge_adapter, base, adapter)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux copies a process that imported torch safely")
def test_a_pattern_without_end_is_not_waited_for(base, adapter):
    ADAPTERS["of targets '(.+)+X'"](adapter)
    said = message(merge_adapter, base, adapter)
    assert said == (
        f"The adapter '{adapter}' is not opened: to put it on the base takes more than 1.028 seconds, or all "
        "memory. Take another adapter, or repair this one."
    )
