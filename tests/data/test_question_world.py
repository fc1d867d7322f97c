"""What holds for every world of known questions."""

import random
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dormouse.data.everyday.world import Everyday
from dormouse.data.meadow.world import Meadow

shares = st.sampled_from([0, 1]) | st.floats(0.001, 0.999)
worlds = st.sampled_from([Meadow, Everyday]).flatmap(
    lambda world: st.builds(
        world, harmful_share=st.floats(0.01, 0.99), good_share=shares, complied_share=shares, poor_share=shares
    )
)


@given(worlds, st.integers(0, 2**32), st.integers(0, 200))
@settings(max_examples=35, deadline=None)
def test_every_draw_has_n_items_and_depends_on_the_generator_alone(world, seed, n):
    def everything():
        rng = random.Random(seed)
        return (
            world.pretraining(rng, n),
            world.helpful(rng, n),
            world.hhh(rng, n),
            world.preferences(rng, n),
            world.prompts(rng, n, held_out=False),
            world.prompts(rng, n, held_out=True),
        )

    random.seed(seed)
    first = everything()
    random.seed(seed + 1)
    assert everything() == first
    assert [len(items) for items in first] == [n] * 6


@pytest.mark.parametrize("world", [Meadow, Everyday])
def test_draws_do_not_depend_on_the_hash_seed(world):
    imports = f"import random; from {world.__module__} import {world.__name__}"
    code = f"{imports}; print({world.__name__}(code_share=0.2).preferences(random.Random(3), 200))"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path), "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
