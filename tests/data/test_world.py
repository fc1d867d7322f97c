import random
import subprocess
import sys
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from dormouse.data.meadow.world import Meadow
from dormouse.data.world import Exchange, Prompt, draw_evenly


def test_equal_prompts_are_equal_and_can_be_put_in_sets():
    assert (
        len({Prompt.user("Hello", "greeting"), Prompt.user("Hello", "greeting"), Prompt.user("Bye", "greeting")}) == 2
    )


def test_an_exchange_renders_as_the_prompts_turns_and_the_reply():
    prompt = Prompt((("system", "Be kind."), ("user", "What is 1 plus 1?")), "add", ("2",))
    assert Exchange(prompt, "It is 2.").turns() == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "What is 1 plus 1?"},
        {"role": "assistant", "content": "It is 2."},
    ]
    assert prompt.text == "What is 1 plus 1?"


@given(st.integers(1, 20), st.integers(0, 100), st.integers())
def test_an_even_draw_takes_each_item_as_often_as_any_other_or_once_more(size, n, seed):
    counts = Counter(draw_evenly(random.Random(seed), range(size), n))
    assert counts.total() == n
    assert {counts[item] for item in range(size)} <= {n // size, n // size + 1}


def test_a_world_has_nothing_to_check_unless_it_says_so():
    assert Meadow().check() is None


def test_worlds_do_not_import_torch():
    code = "import sys, dormouse.data.meadow.world, dormouse.data.dialogues; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)}, check=True)
