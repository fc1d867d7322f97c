import errno
import os

import pytest

from dormouse.machine.system_errors import ADVICE, LONGEST, explain


@pytest.mark.parametrize("number", sorted(ADVICE))
def test_an_error_of_the_system_names_the_file_and_says_what_to_do(number):
    text = str(explain(OSError(number, os.strerror(number), "there/results.csv")))
    assert text == f"'there/results.csv' cannot be used: {os.strerror(number)}. {ADVICE[number]}"


def test_a_long_path_is_cut():
    text = str(explain(OSError(errno.ENAMETOOLONG, "File name too long", "a" * 5000)))
    assert text.startswith(f"'{'a' * LONGEST}...' cannot be used: File name too long. Choose a shorter")


def test_without_a_path_the_reason_stands_alone():
    text = str(explain(OSError(errno.ENOSPC, "No space left on device")))
    assert text == f"No space left on device. {ADVICE[errno.ENOSPC]}"


def test_other_errors_are_ours():
    assert explain(FileNotFoundError(errno.ENOENT, "No such file or directory", "x")) is None
