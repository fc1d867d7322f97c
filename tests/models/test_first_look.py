import json
import sys
import time

import psutil
import pytest

from dormouse.bases.hub import Folder
from dormouse.errors import UserError
from dormouse.models import first_look
from dormouse.models.first_look import load_within_limits, look
from dormouse.training.work import Work
from families import FAMILIES, save_family
from faults.broken_files import CONFIG, setting, with_template
from faults.broken_folders import CONFIGS, TOKENIZERS
from faults.templates import TEMPLATES
from tiny import save_tiny_model

INSTEAD = "Correct it; for a base, base.template=plain uses Human and Assistant turns instead."

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux copies a process that imported torch safely")


def message(function, *arguments, **settings):
    with pytest.raises(UserError) as error:
        function(*arguments, **settings)
    return str(error.value)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_is_opened_within_the_limits(name, tmp_path):
    look(save_family(name, tmp_path))


def test_a_model_of_ours_opens_with_its_renderer(tmp_path):
    _, renderer = load_within_limits(save_tiny_model(tmp_path))
    assert (
        renderer.text([{"role": "user", "content": "Well?"}], reply_follows=True)
        == "<|user|> Well?<|end|><|assistant|>"
    )


@linux
@pytest.mark.parametrize("what", ["that never ends", "that doubles", "that eats memory", "of a giant power of names"])
def test_a_template_without_end_is_not_waited_for(model, what):
    with_template(model, "{{ messages[0].content }}" + TEMPLATES[what])
    started = time.monotonic()
    said = message(look, model)
    assert time.monotonic() - started < 20
    assert said.startswith(
        f"Model '{model}' is not opened: to render a short exchange with its chat template takes more than"
    )
    assert said.endswith(INSTEAD)


@linux
def test_memory_that_a_template_asks_for_is_not_given(model):
    with_template(model, TEMPLATES["that pads"])
    assert message(look, model) == (
        f"Model '{model}' is not opened: to render a short exchange with its chat template takes more than 4 GiB of "
        f"memory. {INSTEAD}"
    )


def test_a_template_that_ours_takes_the_place_of_is_not_rendered(model):
    with_template(model, TEMPLATES["that never ends"])
    look(model, template="plain")


@linux
def test_a_tokenizer_without_end_is_not_waited_for(model):
    TOKENIZERS["of normalizers that double"](model)
    assert message(look, model) == (
        f"Model '{model}' is not opened: to read a few texts with its tokenizer takes more than 1 seconds, or all "
        "memory. Take another model, or repair this one."
    )


def test_a_configuration_that_describes_more_than_there_is_is_not_filled(model):
    CONFIGS["of intermediate_size 1000000000000"](model)
    assert message(look, model) == (
        f"The config.json of model '{model}' describes 192000000031904 parameters, but its weights files hold 41120. "
        "Save model and configuration together with save_pretrained()."
    )


@linux
def test_what_takes_too_long_to_build_is_not_built(model, monkeypatch):
    monkeypatch.setattr(first_look, "building_seconds", lambda tensors: 0.001)
    assert message(look, model) == (
        f"Model '{model}' is not opened: to build it from its config.json takes more than 0.001 seconds, or all "
        "memory. Take another model, or repair this one."
    )


def test_tables_beside_the_weights_are_limited(tmp_path):
    folder = save_family("gpt2", tmp_path)
    monkey = {"tables": (3 << 30), "parameters": 1}
    assert message(first_look._check_size, folder, monkey) == (
        f"Model '{folder}' has 3072 MiB of buffers beside its weights, and at most 2048 are allowed. Correct the "
        "context length in its config.json."
    )


def test_a_model_larger_than_the_machine_is_not_opened(model, monkeypatch):
    class Memory:
        total = 1000

    monkeypatch.setattr(psutil, "virtual_memory", lambda: Memory)
    assert message(look, model) == (
        f"Model '{model}' takes at least 0 GiB of memory, but this machine has 0. Take a smaller model, or a larger "
        "machine."
    )


def test_a_type_that_continues_no_text_is_named(model):
    setting(CONFIG, model_type="t5")(model)
    assert message(look, model) == (
        f"Model '{model}' is of type 't5', which is not a causal LM in Transformers. Take a causal LM."
    )
    setting(CONFIG, model_type="nothing")(model)
    assert message(look, model) == (
        f"Model '{model}' is of type 'nothing', which the installed Transformers does not know. Correct "
        "model_type in its config.json, or pip install --upgrade transformers"
    )


def test_a_base_is_built_within_the_limits(model, tmp_path):
    with_template(model, TEMPLATES["that never ends"])
    work = Work("base", {"seed": 0}, {}, tmp_path / "base")
    work.folder.mkdir()
    if sys.platform == "linux":
        assert "is not opened" in message(Folder(path=model).build, work)
    Folder(path=model, template="plain").build(work)
    assert (
        "Human and Assistant turns for a chat template"
        in json.loads((work.folder / "metrics.json").read_text())["adopted_with"]
    )


def test_a_base_that_was_changed_since_the_plan_is_not_built(model, tmp_path):
    base = Folder(path=model)
    work = Work("base", {"seed": 0, "data": base.fingerprint()}, {}, tmp_path / "base")
    work.folder.mkdir()
    base.build(work)
    setting(CONFIG, rms_norm_eps=1e-5)(model)
    assert message(base.build, work) == (
        f"The files of '{model}' changed after the run was planned. Run the same command again, and do not change "
        "them meanwhile."
    )
