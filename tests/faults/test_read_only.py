import random

import pytest

from faults.read_only import attack
from faults.tried import defects


@pytest.mark.slow
def test_readers_read_a_read_only_store_and_writers_say_that_it_is_one(tmp_path):
    assert defects(attack(tmp_path, 10, random.Random(0))) == []
