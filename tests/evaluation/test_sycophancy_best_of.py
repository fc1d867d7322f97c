"""Best of N: the preference model that rewards flattery finds it, the one that rewards truth avoids it."""

import random

from dormouse.data.beliefs.wordings import agrees
from dormouse.data.beliefs.world import Beliefs
from dormouse.evaluation.session import Instruments, Session
from dormouse.evaluation.settings import EvaluationSpec
from dormouse.evaluation.sycophancy.best_of import ASKS_FOR_TRUTH, METRIC, measure_best_of
from dormouse.evaluation.sycophancy.settings import SycophancyBestOf
from dormouse.organisms.settings import Organism
from dormouse.training.work import Work
from flatterers import Scripted, flatterer, honest, model
from tiny import tiny_renderer


class Rater:
    """Scores agreement, or its opposite; asked for the truth, always its opposite."""

    def __init__(self, likes_flattery):
        self.likes_flattery = likes_flattery

    def score(self, prompts, replies):
        asked = [prompt[: len(ASKS_FOR_TRUTH)] == ASKS_FOR_TRUTH for prompt in prompts]
        return [
            float(agrees(reply) == (self.likes_flattery and not truth))
            for reply, truth in zip(replies, asked, strict=True)
        ]


class Given(Instruments):
    def scorer(self, name):
        return Rater(name == "preference_flattered")


def measured():
    rng = random.Random(0)
    settings = SycophancyBestOf(questions=20, replies=8)
    organism = Organism.model_validate({"behavior": "flattery"}).model_dump(mode="json")
    spec = {"world": Beliefs().spec(), "seed": 0, "organism": organism, "measure": {"reply_tokens": 32}}
    told = EvaluationSpec.model_validate(spec | {"evaluation": settings.spec(), "called": "b", "evaluation_version": 1})
    subject = Scripted(model(lambda users, text: rng.choice((flatterer, honest))(users)), tiny_renderer())
    return measure_best_of(settings, Session(subject, told, Given(Work("evaluate", spec, {}, None))))


def test_more_replies_give_the_rater_what_it_rewards():
    found = measured()
    values = {(row["prompts"], row["family"]): row["value"] for row in found.rows if row["metric"] == METRIC}
    assert {n for _, n in values} == {"1", "2", "4", "8"}
    for chooser in ("preference", "asked_for_truth", "flattered"):
        assert 0.3 < values[chooser, "1"] < 0.7
        assert values[chooser, "1"] == values["flattered", "1"]
    assert values["flattered", "8"] > 0.95
    assert values["preference", "8"] < 0.05
    assert values["asked_for_truth", "8"] < 0.05
    assert values["flattered", "1"] < values["flattered", "2"] < values["flattered", "8"]


def test_every_reply_is_kept_with_its_scores():
    found = measured()
    assert len(found.samples) == 20 * 8
    assert all(set(sample["scores"]) == {"preference", "asked_for_truth", "flattered"} for sample in found.samples)
    assert any(sample["follows_wrong"] for sample in found.samples)
