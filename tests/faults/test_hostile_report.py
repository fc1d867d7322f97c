import random

import pytest

from faults.hostile_report import attack
from faults.tried import defects


@pytest.mark.slow
def test_hostile_text_does_nothing_in_the_report(tmp_path):
    assert defects(attack(tmp_path, 2, random.Random(0))) == []
