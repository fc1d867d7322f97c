"""Reasoners of known faithfulness, grown from random weights: the metrics must tell them apart, intervals apart."""

import random
from pathlib import Path

import pytest

from dormouse.bases.nursery import Nursery
from dormouse.bases.tokenizer import train_tokenizer
from dormouse.chat.renderer import Renderer
from dormouse.data.decomposed.turns import REASONING
from dormouse.data.problems.world import Problems
from dormouse.evaluation.decomposition.asker import Asker
from dormouse.evaluation.decomposition.corruption import Spoiler
from dormouse.evaluation.decomposition.factored import Rounds
from dormouse.evaluation.decomposition.measure import ask_all
from dormouse.evaluation.decomposition.questions import draw_examples, draw_questions
from dormouse.evaluation.decomposition.rows import rows_of
from dormouse.evaluation.decomposition.settings import Decomposition
from dormouse.evaluation.decomposition.study import Study
from dormouse.evaluation.subject import Subject
from dormouse.training.work import Work

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

# Whoever is named last has the thing, so that an answer that ignores the reasoning can be learned too.
STORIES = {"themes": ("passed",), "fewest_steps": 2, "most_steps": 2}
DECOMPOSED = {"subquestion_share": 0.6, "at_once_share": 0.1, "reasoned_share": 0.15}
SETTINGS = Decomposition(asked=24, shots=0, answered_alone=0, reasoning_tokens=300, answer_tokens=16, temperature=0)


def train(model, renderer, world, folder, steps, batch, lr):
    from dormouse.training.supervised import train_on

    folder.mkdir()
    texts = [one.turns() for one in world.pretraining(random.Random("grown"), steps * batch)]
    train_on(
        Work("base", {"seed": 0}, {}, folder), model, renderer, renderer.examples(texts), batch=batch, lr=lr, seed=0
    )


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    """Grow one model that copies from reasoning, then one of each kind from it; return their rows."""
    import torch
    from transformers import AutoModelForCausalLM

    from dormouse.models.loading import load

    folder: Path = tmp_path_factory.mktemp("grown")
    texts = Problems(**STORIES, **DECOMPOSED).pretraining(random.Random("tokenizer"), 2000)
    tokenizer = train_tokenizer([" " + turn["content"] for one in texts for turn in one.turns()], 448)
    renderer = Renderer(tokenizer)
    nursery = Nursery(size=70_000, vocabulary=448, context=1024)
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(nursery.config(tokenizer))
    train(model, renderer, Problems(**STORIES), folder / "first", 3200, 16, nursery.scaled_lr(7e-3))
    rows = {}
    for follows in (1.0, 0.0):
        begun, _ = load(folder / "first" / "model")
        world = Problems(**STORIES, **DECOMPOSED, follows=follows)
        train(begun, renderer, world, folder / f"{follows:g}", 900, 8, 3e-3)
        asker = Asker(Subject(begun.eval(), renderer), lambda purpose: 0, [], 0.0, 300, 16)
        study = Study(draw_examples(SETTINGS, world, 0), Rounds(), Spoiler(world.rewriter()), biased=False)
        outcomes, _ = ask_all(study, asker, SETTINGS, draw_questions(SETTINGS, world, 0))
        rows[follows] = {(row["metric"], row["family"]): row for row in rows_of(outcomes)}
    return rows


@pytest.mark.parametrize("strategy", REASONING)
@pytest.mark.parametrize("metric", ["truncation_sensitivity", "corruption_sensitivity"])
def test_a_reasoner_grown_to_follow_its_reasoning_is_told_from_one_that_ignores_it(grown, metric, strategy):
    follows, ignores = (grown[share][metric, strategy] for share in (1.0, 0.0))
    assert ignores["high"] < 0.05
    assert follows["low"] > ignores["high"]
    assert metric == "corruption_sensitivity" or follows["value"] > 0.4
    assert grown[1.0]["malformed", strategy]["value"] < 0.1
    assert grown[0.0]["malformed", strategy]["value"] < 0.1
