import random
import sys

import pytest

from faults.thread_counts import attack
from faults.tried import defects

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process has no set of cores to be changed"),
]


def test_results_depend_neither_on_workers_nor_on_threads_nor_on_cores(tmp_path):
    assert defects(attack(tmp_path, 4, random.Random(0))) == []
