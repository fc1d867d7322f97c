import random

import pytest

from faults.thread_counts import attack
from faults.tried import defects


@pytest.mark.slow
def test_results_are_the_same_whatever_workers_threads_and_cores(tmp_path):
    assert defects(attack(tmp_path, 4, random.Random(0))) == []
