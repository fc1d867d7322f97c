import random

import pytest

from faults import model_folders
from faults.tried import defects


@pytest.mark.slow
def test_no_broken_folder_is_taken_for_a_model(tmp_path):
    assert defects(model_folders.attack(tmp_path, 24, random.Random(0))) == []
