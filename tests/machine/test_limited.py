import os
import signal
import sys
import time

import pytest

from dormouse.errors import UserError
from dormouse.machine.limited import TooMuch, run_limited

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux copies a process that imported torch safely"
)


def test_what_a_function_returns_is_returned():
    assert run_limited(lambda begin: {"a": [1, "b" * 200_000]}) == {"a": [1, "b" * 200_000]}


def test_nothing_that_the_function_does_reaches_this_process():
    before = os.environ.get("TOKENIZERS_PARALLELISM")
    seen = []
    run_limited(lambda begin: seen.append(1))
    assert seen == []
    assert os.environ.get("TOKENIZERS_PARALLELISM") == before


def test_a_users_error_passes_through():
    def refuse(begin):
        raise UserError("No. Do it otherwise.")

    with pytest.raises(UserError, match=r"^No\. Do it otherwise\.$"):
        run_limited(refuse)


def test_a_bug_keeps_its_traceback():
    with pytest.raises(RuntimeError, match=r"ZeroDivisionError: integer division"):
        run_limited(lambda begin: 1 // 0)


def test_what_never_ends_is_ended():
    def endless(begin):
        begin("to wait", 5)
        begin("to count", 0.3)
        while True:
            pass

    started = time.monotonic()
    with pytest.raises(TooMuch, match=r"^to count takes more than 0\.3 seconds, or all memory$"):
        run_limited(endless)
    assert time.monotonic() - started < 5


def test_one_call_that_never_returns_is_ended_too():
    def power(begin):
        begin("to multiply", 0.3)
        return 9**9**9

    with pytest.raises(TooMuch, match=r"to multiply takes more than 0\.3 seconds"):
        run_limited(power)


def test_memory_is_limited_to_what_is_taken_besides():
    held = bytearray(64 << 20)
    assert run_limited(lambda begin: len(bytearray(32 << 20)), memory=256 << 20) == 32 << 20
    with pytest.raises(TooMuch, match="more than 1 GiB of memory"):
        run_limited(lambda begin: len(bytearray(2 << 30)), memory=1 << 30)
    assert len(held) == 64 << 20


def test_a_process_that_dies_is_told():
    def die(begin):
        begin("to live", 5)
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(TooMuch, match="to live takes more than 5 seconds, or all memory"):
        run_limited(die)


def test_a_process_that_has_opened_a_gpu_is_not_copied(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    seen = []
    assert run_limited(lambda begin: begin("to count", 0.1) or seen.append(1)) is None
    assert seen == [1]


def test_no_process_is_left_behind():
    import psutil

    before = {child.pid for child in psutil.Process().children()}
    run_limited(lambda begin: 1)
    with pytest.raises(TooMuch):
        run_limited(lambda begin: begin("to sleep", 0.1) or [None for _ in iter(int, 1)])
    assert {child.pid for child in psutil.Process().children()} <= before
