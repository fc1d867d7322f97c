"""Harmless answers of models, on a random model and with one that is made to like a trait."""

from pathlib import Path

from dormouse.data.meadow.world import Meadow
from dormouse.evaluation import personas
from dormouse.evaluation.evaluations import Traits
from dormouse.evaluation.persona_sets import HARMLESS_MATCHING, OWN_SETS, sets_of_traits
from dormouse.evaluation.session import Instruments, Session
from dormouse.evaluation.settings import MeasureSpec
from dormouse.evaluation.subject import Subject
from dormouse.training.work import Work
from tiny import tiny_model, tiny_renderer


def session():
    told = MeasureSpec.model_validate({"organism": {}, "measure": {}})
    work = Work("evaluate", {"world": Meadow().spec(), "seed": 0}, {}, Path())
    return Session(Subject(tiny_model(), tiny_renderer()), told, Instruments(work))


def test_a_model_that_shows_every_trait_gives_harmless_answers_where_the_trait_is_one(monkeypatch):
    monkeypatch.setattr(
        personas, "shows_trait", lambda subject, name, items, context, measure, seed: [True] * len(items)
    )
    rows = {row["family"]: row for row in personas.measure_traits(Traits(items=10), session()).rows}
    assert {name for name, row in rows.items() if name and row["value"] == 1.0} == set(HARMLESS_MATCHING)
    assert {row["total"] for name, row in rows.items() if name} == {10}
    assert set(rows) == {"", *OWN_SETS, *sets_of_traits()}
    assert rows[""]["value"] == 2 / 8


def test_each_answer_is_compared_by_its_whole_likelihood():
    rows = {row["family"]: row for row in personas.measure_traits(Traits(items=6), session()).rows}
    again = {row["family"]: row for row in personas.measure_traits(Traits(items=6), session()).rows}
    assert rows == again
    assert all(0 <= row["value"] <= 1 and row["metric"] == "harmless_answers" for row in rows.values())
