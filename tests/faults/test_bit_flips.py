import random
from itertools import islice

import pytest

from faults.bit_flips import attack
from faults.tried import defects

CASES = 80
"""Of some five hundred for each bit in each kind of file."""


@pytest.mark.slow
def test_a_flipped_bit_is_found_by_every_verb_that_reads_it(tmp_path):
    assert defects(islice(attack(tmp_path, 1, random.Random(0)), CASES)) == []
