import os
import random

import pytest

from faults.data_files import attack
from faults.tried import defects


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no pipes and no limits on a process")
def test_no_data_file_hangs_a_reader_or_passes_as_what_it_is_not(tmp_path):
    assert defects(attack(tmp_path, 60, random.Random(0))) == []
