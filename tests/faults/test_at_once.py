import random

import pytest

from faults.at_once import attack
from faults.tried import defects


@pytest.mark.slow
def test_processes_at_once_on_one_store_all_end_well(tmp_path):
    assert defects(attack(tmp_path, 10, random.Random(0))) == []
