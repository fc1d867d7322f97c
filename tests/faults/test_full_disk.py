import random

import pytest

from faults.full_disk import attack
from faults.tried import defects


@pytest.mark.slow
def test_a_full_disk_is_one_sentence_and_nothing_is_lost(tmp_path):
    assert defects(attack(tmp_path, 2, random.Random(0))) == []
