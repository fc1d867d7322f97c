import random

import numpy as np
import pytest

from dormouse.report import estimates
from faults.null_claims import Case, attack, interval_cases, judged
from faults.tried import defects


@pytest.mark.slow
def test_intervals_hold_the_truth_and_claims_find_nothing_where_nothing_is(tmp_path):
    assert defects(attack(tmp_path, 100, random.Random(0))) == []


def test_a_method_that_claims_too_much_is_found(monkeypatch):
    # Normal quantiles in place of Student's: with three seeds they miss in about 19% of cases.
    monkeypatch.setattr(estimates, "stdtrit", lambda df, q: estimates.ndtri(q))
    case = next(case for case in interval_cases() if case.name == "mean over seeds, 3 seeds, spread 0.2")
    rng = np.random.default_rng(0)
    assert judged(case, sum(case.wrong(rng) for _ in range(400)), 400).is_defect


@pytest.mark.parametrize(("wrong", "is_defect"), [(50, False), (80, True)])
def test_a_case_is_a_defect_where_its_rate_is_too_high_to_be_chance(wrong, is_defect):
    assert judged(Case("x", lambda rng: True), wrong, 1000).is_defect is is_defect
