import math
from pathlib import Path

import pytest

from dormouse.data.meadow.world import Meadow
from dormouse.evaluation import trait_elo
from dormouse.evaluation.evaluations import TraitElo
from dormouse.evaluation.session import Instruments, Session
from dormouse.evaluation.settings import MeasureSpec
from dormouse.evaluation.subject import Subject
from dormouse.training.work import Work
from tiny import tiny_model, tiny_renderer


class Judge:
    """Gives a refusal -1, and every other reply log-odds that depend on the question."""

    def score(self, prompts, replies):
        return [
            -1.0 if reply == "No." else -1.0 + math.log(10) * len(turns)
            for turns, reply in zip(prompts, replies, strict=True)
        ]


def test_a_tenfold_preference_over_the_refusal_is_400_points(monkeypatch):
    told = MeasureSpec.model_validate({"organism": {}, "measure": {"reply_tokens": 4}})
    work = Work("evaluate", {"world": Meadow().spec(), "seed": 0}, {}, Path())
    session = Session(Subject(tiny_model(), tiny_renderer()), told, Instruments(work))
    monkeypatch.setattr(Instruments, "scorer", lambda self, name: Judge())
    found = trait_elo.measure_trait_elo(TraitElo(training="specific", questions=10, samples=3, zero="No."), session)
    rows = {row["metric"]: row for row in found.rows}
    assert rows["trait_elo"]["value"] == pytest.approx(400)
    assert rows["trait_elo_lowest"]["value"] == rows["trait_elo_highest"]["value"] == pytest.approx(400)
    assert rows["trait_elo"]["total"] == 10
    assert len(found.samples) == 30
    assert {one["family"] for one in found.samples} == {"power", "survival", "copies", "risk", "identity"}
