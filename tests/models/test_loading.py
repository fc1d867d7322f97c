import json
import re
from pathlib import Path

import pytest

from dormouse.bases.hub import Folder
from dormouse.errors import UserError
from dormouse.models.folder_check import check_folder
from dormouse.models.loading import load, load_model, load_tokenizer, opening
from dormouse.models.scorer import load_scorer
from families import save_family
from faults.broken_files import setting, tensors
from faults.broken_folders import WRONG_WEIGHTS
from tiny import save_tiny_model, save_tiny_scorer, tiny_model

TOGETHER = (
    "Save model and configuration together with save_pretrained(); if it is an adapter, merge it or give it as one."
)


def message(function, *arguments):
    with pytest.raises(UserError) as error:
        function(*arguments)
    return str(error.value)


def test_a_saved_model_opens_with_finite_weights(tmp_path: Path) -> None:
    model, renderer = load(save_tiny_model(tmp_path / "model"))
    assert renderer.end_id != renderer.pad_id
    assert not model.training


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere' does not exist"):
        check_folder(tmp_path / "nowhere")


def test_pickle_weights_are_refused(tmp_path: Path) -> None:
    save_tiny_model(tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"only pickle weights \(pytorch_model.bin\).*safe_serialization"):
        check_folder(tmp_path)
    with pytest.raises(UserError, match="only pickle weights"):
        Folder(path=tmp_path).fingerprint()


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    import torch

    save_tiny_model(tmp_path)
    model = tiny_model()
    with torch.no_grad():
        model.model.norm.weight[0] = float("nan")
    model.save_pretrained(tmp_path)
    assert message(load, tmp_path) == (
        f"Model '{tmp_path}' has infinite or NaN weights (model.norm.weight). Take another model; if they "
        "overflowed in float16, save it in bfloat16 or float32."
    )


SAID = {
    "names with an adapter's prefix": (
        "The weights of model '{model}' do not fit its config.json: 21 are missing "
        "(lm_head.weight, model.embed_tokens.weight, model.layers.0.input_layernorm.weight, ...) and 21 "
        "have no place in it (base_model.model.lm_head.weight, base_model.model.model.embed_tokens.weight, "
        "base_model.model.model.layers.0.input_layernorm.weight, ...). " + TOGETHER
    ),
    "without the last norm": (
        "The weights of model '{model}' do not fit its config.json: 1 are missing (model.norm.weight). " + TOGETHER
    ),
    "with one tensor too many": (
        "The weights of model '{model}' do not fit its config.json: 1 have no place in it "
        "(model.layers.7.self_attn.q_proj.weight). " + TOGETHER
    ),
    "of one wrong shape": (
        "The weights of model '{model}' do not fit its config.json: 1 have another size "
        "(model.norm.weight of 31 in place of 32). " + TOGETHER
    ),
    "with one tensor under two names": (
        "The weights of model '{model}' hold 'norm.weight' twice, with 'model.' before it and without. "
        "Save the model again with save_pretrained()."
    ),
    "with one that is absurd": (
        "Model '{model}' has weights as large as 1e+38 (model.embed_tokens.weight), and at most 1e+15 is "
        "allowed. Take a model whose training did not diverge."
    ),
    "of which one is of whole numbers": (
        "Weight 'model.layers.0.self_attn.q_proj.weight' of model '{model}' is stored in I32, which means nothing "
        "without its scale. Save the model in float32, bfloat16 or float16."
    ),
    "without a tensor": (
        "The weights files of model folder '{model}' hold no tensors. Save the model again with save_pretrained()."
    ),
}


@pytest.mark.parametrize("what", SAID)
def test_weights_that_are_not_the_models_are_refused_by_name(model, what):
    WRONG_WEIGHTS[what](model)
    assert message(load_model, model) == SAID[what].format(model=model)


def test_a_preference_model_without_its_head_is_refused(tmp_path):
    folder = save_tiny_scorer(tmp_path)
    load_scorer(folder)
    tensors(lambda held: {name: one for name, one in held.items() if "score" not in name})(folder)
    assert "1 are missing (score.weight)" in message(load_scorer, folder)


@pytest.mark.parametrize(
    ("name", "before", "left"),
    [
        ("gpt2", "transformer.h.0.attn.", ("bias", "masked_bias")),
        ("gpt_neox", "gpt_neox.layers.0.attention.", ("bias", "masked_bias", "rotary_emb.inv_freq")),
        ("llama", "model.layers.0.self_attn.", ("rotary_emb.inv_freq",)),
    ],
)
def test_masks_and_positions_that_older_checkpoints_hold_are_passed_over(tmp_path, name, before, left):
    import torch

    folder = save_family(name, tmp_path)
    made = {
        "bias": torch.tril(torch.ones(64, 64)).bool().view(1, 1, 64, 64),
        "masked_bias": torch.tensor(-1e9),
        "rotary_emb.inv_freq": torch.ones(4),
    }
    tensors(lambda held: held | {before + one: made[one] for one in left})(folder)
    load_model(folder)


@pytest.mark.parametrize("name", ["bloom", "gpt2"])
def test_a_checkpoint_without_the_prefix_of_its_base_opens(tmp_path, name):
    import torch

    folder = save_family(name, tmp_path)
    ids = torch.tensor([[3, 1, 4, 1, 5]])
    before = load_model(folder)(ids).logits
    tensors(lambda held: {key.removeprefix("transformer."): one for key, one in held.items()})(folder)
    assert load_model(folder)(ids).logits.equal(before)


def test_what_transformers_raises_is_a_sentence(model):
    setting("config.json", hidden_act="nothing")(model)
    assert message(load_model, model) == (
        f"Model '{model}' cannot be opened: unknown 'nothing'. Save it again with save_pretrained(), in the version of "
        "Transformers that is installed here."
    )
    setting("tokenizer.json", model=7)(model)
    assert re.fullmatch(
        rf"The tokenizer of model '{model}' cannot be opened: .*\. Save it again with save_pretrained\(\), in the "
        r"version of Transformers that is installed here\.",
        message(load_tokenizer, model),
    )


def test_what_goes_wrong_besides_is_told_apart(tmp_path):
    class PanicException(BaseException):
        """As code in Rust raises it."""

    class OutOfMemoryError(RuntimeError):
        """As a GPU's driver raises it."""

    def raising(error):
        with opening(tmp_path):
            raise error

    assert message(raising, MemoryError()) == f"Model '{tmp_path}' takes more memory than there is. Take a smaller one."
    assert f"Model '{tmp_path}' cannot be opened: PanicException." in message(raising, PanicException())
    assert "brings code of its own, which is never run here" in message(
        raising, ValueError("set trust_remote_code=True")
    )
    for error in (OutOfMemoryError, KeyboardInterrupt, SystemExit):
        with pytest.raises(error):
            raising(error())


def test_a_long_reason_is_cut(tmp_path):
    with pytest.raises(UserError) as error, opening(tmp_path):
        raise ValueError("a\n" * 1000)
    assert len(str(error.value)) < 600
    assert "\n" not in str(error.value)


def test_code_that_comes_with_a_model_is_not_run(model):
    (model / "modeling_mine.py").write_text("raise SystemExit('it ran')")
    needed = {"AutoConfig": "modeling_mine.Model", "AutoModelForCausalLM": "modeling_mine.Model"}
    setting("config.json", auto_map={"AutoModelForCausalLM": "modeling_mine.Model"})(model)
    load_model(model)
    setting("config.json", model_type="mine", auto_map=needed)(model)
    assert message(load_model, model) == (
        f"Model '{model}' brings code of its own, which is never run here. Take a model of an architecture that "
        "Transformers has, or convert it to one."
    )
    assert json.loads((model / "config.json").read_text())["model_type"] == "mine"
