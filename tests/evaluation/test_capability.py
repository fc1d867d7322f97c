import random
from collections import Counter

import pytest

from dormouse.data.meadow.pool import is_held_out
from dormouse.data.meadow.world import Meadow
from dormouse.data.world import Prompt
from dormouse.evaluation.capability import (
    NO_ANSWERS,
    answer,
    capability,
    gradable_prompts,
)
from dormouse.evaluation.settings import Measure
from dormouse.evaluation.subject import Subject
from tiny import tiny_model, tiny_renderer


class WithoutAnswers(Meadow):
    def prompts(self, rng, n, *, held_out):
        return [Prompt.user(f"prompt {i}", "talk") for i in range(n)]


def test_prompts_are_held_out_gradable_and_never_twice():
    prompts = gradable_prompts(Meadow(), 0, 1024)
    assert len(prompts) == len(set(prompts))
    assert all(prompt.answers and is_held_out(prompt.family, prompt.text) for prompt in prompts)


def test_every_family_with_answers_is_asked_and_none_dominates():
    drawn = Meadow().prompts(random.Random(1), 500, held_out=True)
    sizes = Counter(prompt.family for prompt in gradable_prompts(Meadow(), 0, 1024))
    assert set(sizes) == {prompt.family for prompt in drawn if prompt.answers}
    assert max(sizes.values()) < 2 * sum(sizes.values()) / len(sizes)


def test_no_more_prompts_are_asked_than_the_plan_wants():
    assert len(gradable_prompts(Meadow(), 0, 100)) == 100


def test_prompts_depend_on_the_seed_alone():
    assert gradable_prompts(Meadow(), 0, 50) == gradable_prompts(Meadow(), 0, 50)
    assert gradable_prompts(Meadow(), 0, 50) != gradable_prompts(Meadow(), 1, 50)


def test_world_without_right_answers_gives_a_reason():
    prompts = gradable_prompts(WithoutAnswers(), 0, 20)
    [row] = capability(prompts, [], by_family=True)
    assert (row["value"], row["total"], row["reason"]) == (None, None, NO_ANSWERS)


def test_asking_no_prompts_gives_no_answers():
    assert answer(Subject(tiny_model(), tiny_renderer()), [], Measure()) == []


@pytest.mark.parametrize("by_family", [True, False])
def test_families_add_up_to_the_whole(by_family):
    prompts = [Prompt.user(text, family, ("x",)) for text, family in zip("abcde", "yxyxx", strict=True)]
    rows = capability(prompts, [True, False, True, None, True], by_family=by_family)
    counts = {row["family"]: (row["hits"], row["total"], row["unscorable"]) for row in rows}
    families = {"x": (1, 2, 1), "y": (2, 2, 0)} if by_family else {}
    assert counts == {"": (3, 4, 1), **families}


def test_answers_are_greedy():
    subject, prompts = Subject(tiny_model(), tiny_renderer()), gradable_prompts(Meadow(), 0, 4)
    hot, cold = (answer(subject, prompts, Measure(temperature=t, reply_tokens=5)) for t in (1.0, 0.1))
    assert hot == cold
