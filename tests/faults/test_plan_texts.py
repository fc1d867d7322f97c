import random

import pytest

from faults.plan_texts import bounds, generated, mutated, sites
from faults.tried import defects

pytestmark = pytest.mark.slow


def test_no_number_of_any_part_is_without_a_bound():
    numbers = [site for site in sites() if site.annotation in (int, float)]
    assert len(numbers) > 100
    assert [site.path for site in numbers if max(bounds(site)[0]) >= 1e20] == []


def test_generated_plans_are_right_or_refused(tmp_path):
    assert defects(generated(tmp_path, 60, random.Random(0))) == []


def test_mutated_plans_are_right_or_refused(tmp_path):
    assert defects(mutated(tmp_path, 60, random.Random(0))) == []


def test_a_number_that_loses_its_limit_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr("dormouse.config.parts.SETTINGS", {})
    assert any("accepted beyond its bounds" in line for line in defects(generated(tmp_path, 30, random.Random(0))))
