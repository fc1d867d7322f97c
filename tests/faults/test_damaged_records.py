import random

import pytest

from faults import damaged_records
from faults.tried import defects


@pytest.mark.slow
def test_no_damaged_record_is_read(tmp_path):
    assert defects(damaged_records.attack(tmp_path, 60, random.Random(0))) == []
