import os
import random

import pytest

from faults.kills import attack
from faults.tried import defects


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals to send")
def test_a_run_killed_in_any_way_goes_on_to_the_same_results(tmp_path):
    assert defects(attack(tmp_path, 3, random.Random(0))) == []
