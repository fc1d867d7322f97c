import random

import pytest

from made_up_run import FakeRun, build, build_zoo


@pytest.fixture
def fake_run() -> FakeRun:
    """An empty run to fill."""
    return FakeRun()


@pytest.fixture(scope="session")
def small_run() -> FakeRun:
    """One size, one seed, three safety trainings, with twin."""
    return build((370_000,), 1, (1.0,), random.Random(1))


@pytest.fixture(scope="session")
def scale_run() -> FakeRun:
    """Four sizes, three seeds, three doses."""
    return build((72_000, 370_000, 1_840_000, 9_300_000), 3, (0.3, 1.0, 3.0), random.Random(2))


@pytest.fixture(scope="session")
def zoo_run() -> FakeRun:
    """Twelve members, the implants of the second and the fifth without effect."""
    return build_zoo(12, {2, 5}, random.Random(3))
