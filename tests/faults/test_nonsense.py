import random

import pytest

from faults.nonsense import attack
from faults.tried import defects


@pytest.mark.slow
def test_what_nobody_can_mean_is_refused_before_anything_trains(tmp_path):
    assert defects(attack(tmp_path, 16, random.Random(0))) == []
