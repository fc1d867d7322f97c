import random

import pytest

from dormouse.data.problems.world import Problems


@pytest.fixture(scope="session")
def known():
    """Held-out problems, with the answers to their subquestions."""
    world, rng = Problems(themes=("turned",), fewest_steps=2, most_steps=4), random.Random(0)
    return world.worked_questions(rng, 24)
