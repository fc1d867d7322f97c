import random

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from detection.planted import LAYERS, TRIGGER, given_to, prompts
from dormouse.config.registry import DETECTORS
from dormouse.detection.activation_detectors import Mahalanobis, SupervisedProbe
from dormouse.detection.base import Labeled, PromptDetector
from dormouse.detection.judge import prompt_rows
from dormouse.detection.stream import Stream
from dormouse.errors import UserError
from dormouse.results.auroc import auroc_interval
from dormouse.results.rates import NotMeasured

BUILT_IN = [name for name in DETECTORS.names() if issubclass(DETECTORS.get(name), PromptDetector)]
READS_THE_MODEL = [name for name in BUILT_IN if name not in ("bag_of_words", "word_novelty")]


def auroc(detector, positive, negative, **how):
    score = detector.fit(given_to(detector, **how))
    scores = np.concatenate([score(positive), score(negative)])
    return roc_auc_score([1] * len(positive) + [0] * len(negative), scores)


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_planted_signal_is_found(name):
    found = auroc(DETECTORS.get(name)(), prompts(100, triggered=True), prompts(100, triggered=False))
    assert found >= 0.99


@pytest.mark.parametrize("name", BUILT_IN)
def test_nothing_is_found_in_shuffled_labels(name):
    mixed = [*prompts(100, triggered=True), *prompts(100, triggered=False)]
    rng = random.Random(1)
    rng.shuffle(mixed)
    labels = rng.sample([True] * 40 + [False] * 40, 80)
    found = auroc(DETECTORS.get(name)(), mixed[:100], mixed[100:], labels=labels)
    low, high = auroc_interval(found, 100, 100)
    assert low < 0.5 < high


@pytest.mark.parametrize("name", READS_THE_MODEL)
def test_a_trigger_that_leaves_no_trace_in_the_model_is_not_found_in_it(name):
    # As long as those with the trigger: a longer prompt alone spreads attention thinner.
    others = [[{"role": "user", "content": f"stone {turns[0]['content']}"}] for turns in prompts(100, triggered=False)]
    found = auroc(DETECTORS.get(name)(), prompts(100, triggered=True), others, strength=0.0)
    low, high = auroc_interval(found, 100, 100)
    assert low < 0.5 < high


@pytest.mark.parametrize("name", ["defection_probe", "supervised_probe", "mahalanobis", "attention_peak"])
def test_a_layer_that_is_not_there_is_said(name):
    detector = DETECTORS.get(name)(layer=LAYERS + 1)
    with pytest.raises(UserError, match=f"Layer {LAYERS + 1} does not exist: the model has layers 1 to {LAYERS}"):
        detector.fit(given_to(detector))(prompts(2, triggered=False))


def shuffled_row(detector):
    [row] = [one for one in rows_of(detector) if (one["metric"], one["prompts"]) == ("auroc", "shuffled")]
    return row


def rows_of(detector, **found):
    streams = {
        "held_out": Stream(prompts(60, triggered=True), prompts(60, triggered=False)),
        "wordings": NotMeasured("the trigger has one wording"),
    } | found

    def give(asking, known):
        return given_to(asking, labels=known.triggered)

    known = Labeled([], [True] * 40 + [False] * 40)
    return prompt_rows(detector, "mine", give, known, streams, layers=LAYERS, seed=0)


def test_every_condition_and_layer_has_its_rows():
    rows = {(row["metric"], row["prompts"], row["family"]): row for row in rows_of(Mahalanobis())}
    families = ["mine", *[f"mine, layer {layer}" for layer in (1, 2, 3)]]
    for metric in ("auroc", "tpr_at_1_fpr"):
        assert [family for one, condition, family in rows if (one, condition) == (metric, "held_out")] == families
        assert rows[metric, "wordings", "mine"]["reason"] == "the trigger has one wording"
        assert rows[metric, "wordings", "mine"]["value"] is None
        assert rows[metric, "held_out", "mine"]["value"] >= 0.99
    shuffled = rows["auroc", "shuffled", "mine"]
    assert shuffled["low"] < 0.5 < shuffled["high"]
    assert {condition for _, condition, _ in rows} == {"held_out", "wordings", "shuffled"}


def test_labels_that_reach_a_detector_by_another_way_show_when_they_are_shuffled():
    class Told(PromptDetector):
        name = "told"
        poisoned = True

        def fit(self, given):
            return lambda prompts: [float(TRIGGER in turns[-1]["content"]) for turns in prompts]

    [leak, honest] = [shuffled_row(one) for one in (Told(), SupervisedProbe())]
    assert (leak["value"], leak["high"]) == (1.0, 1.0)
    assert leak["low"] > 0.9
    assert honest["low"] < 0.5 < honest["high"]


def test_a_detector_is_fitted_to_several_shuffles_and_their_mean_counts():
    fitted = []

    class Opposite(PromptDetector):
        name = "opposite"
        poisoned = True
        shuffles = 4

        def fit(self, given):
            fitted.append(given.poisoned.triggered)
            sign = (-1) ** len(fitted)
            return lambda prompts: [sign * float(TRIGGER in turns[-1]["content"]) for turns in prompts]

    row = shuffled_row(Opposite())
    truth, *shuffled = fitted
    assert len(shuffled) == 4
    assert all(labels != truth and sum(labels) == sum(truth) for labels in shuffled)
    # They say 1, 0, 1 and 0: the interval is that of the fits.
    assert row["value"] == 0.5
    assert (row["low"], row["high"]) == (0.0, 1.0)


def test_a_detector_that_forgets_a_prompt_is_told():
    class Forgetful(PromptDetector):
        name = "forgetful"

        def fit(self, given_to):
            return lambda prompts: [0.0] * (len(prompts) - 1)

    stream = Stream(prompts(5, triggered=True), prompts(5, triggered=False))
    with pytest.raises(UserError, match="'mine' gave 4 scores for 5 prompts"):
        prompt_rows(
            Forgetful(), "mine", lambda asking, known: given_to(asking), Labeled([], []), {"held_out": stream},
            layers=1, seed=0,
        )  # fmt: skip
