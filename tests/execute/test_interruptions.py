import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from runners import plan

from dormouse.store.store import Store

DRIVER = Path(__file__).with_name("driver.py")
pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no signals to send")


class Driven:
    """A run in its own process group."""

    def __init__(self, folder, steps, then="finish", preload=()):
        self.settings = (str(steps), then, *preload)
        self.store = Store(folder / "store")
        self.log = folder / "log"
        self.log.touch()

    def start(self):
        command = [sys.executable, str(DRIVER), str(self.store.root), str(self.log), *self.settings]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        return subprocess.Popen(
            command,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # Tests started in the background of a shell inherit an ignored interrupt.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def to_the_end(self):
        process = self.start()
        output, _ = process.communicate(timeout=120)
        return process.returncode, json.loads(output)

    def started_stages(self):
        return self.log.read_text().count("start")

    def wait_for_stages(self, number, process):
        while self.started_stages() < number:
            assert process.poll() is None, "the run ended before it was interrupted"
            time.sleep(0.01)

    def files(self):
        return {name: self.store.manifest(name)["files"] for name in self.store.names()}


def descendants(process):
    return psutil.Process(process.pid).children(recursive=True)


def kill(process):
    process.kill()
    process.wait()
    # Not read to the end: workers that live on would hold the pipes open, and hide.
    process.stdout.close()
    process.stderr.close()


def assert_gone(processes):
    _, alive = psutil.wait_procs(processes, timeout=20)
    # A container without an init process leaves orphans as zombies: dead, never collected.
    assert [each for each in alive if each.status() != psutil.STATUS_ZOMBIE] == []


def test_killing_the_run_at_any_moment_leaves_nothing_that_looks_finished(tmp_path):
    (tmp_path / "whole").mkdir()
    (tmp_path / "killed").mkdir()
    whole, killed = Driven(tmp_path / "whole", 15), Driven(tmp_path / "killed", 15)
    killed.log = whole.log  # The log's path is part of the spec, and so of the keys.
    assert whole.to_the_end()[0] == 0
    rng = random.Random(0)
    for number in (1, 2, 3, 4):
        done = whole.started_stages()
        process = killed.start()
        while whole.started_stages() == done and process.poll() is None:
            time.sleep(0.005)
        time.sleep(rng.random() * 0.2)
        family = descendants(process) if process.poll() is None else []
        kill(process)
        assert_gone(family)
        assert [name for name in killed.store.names() if killed.store.damage(name)] == [], f"after kill {number}"
    status, report = killed.to_the_end()
    assert status == 0
    assert report["failed"] == 0
    assert killed.files() == whole.files()


def test_workers_that_say_nothing_end_with_a_killed_run(tmp_path):
    driven = Driven(tmp_path, 1, then="be_silent")
    process = driven.start()
    driven.wait_for_stages(1, process)
    family = descendants(process)
    assert len(family) >= 3  # multiprocessing's two servers and the worker
    kill(process)
    assert_gone(family)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_an_interrupted_run_leaves_no_process_and_goes_on_from_its_checkpoints(tmp_path, number):
    driven = Driven(tmp_path, 40)
    process = driven.start()
    driven.wait_for_stages(2, process)
    while not list((driven.store.root / "partial").glob("base-*/scratch/step.json")):
        time.sleep(0.01)
    family = descendants(process)
    assert family
    if number == signal.SIGINT:
        os.killpg(process.pid, number)  # As Ctrl-C on a terminal does: workers get it too.
    else:
        process.send_signal(number)
    assert process.communicate(timeout=60) == ("interrupted\n", "")
    assert process.returncode == 130
    assert_gone(family)
    status, report = driven.to_the_end()
    assert status == 0
    assert report["cached"] == 1
    resumed = [name for name in driven.store.names() if driven.store.manifest(name)["resumed"]]
    assert resumed
    assert all(name.startswith("base-") for name in resumed)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every worker does its own imports")
def test_an_interrupt_during_the_first_imports_ends_them_quietly(tmp_path):
    process = Driven(tmp_path, 1, preload=("slow_imports",)).start()
    family = []
    while not any("multiprocessing.forkserver" in " ".join(each.cmdline()) for each in family):
        time.sleep(0.01)
        family = descendants(process)
    time.sleep(0.5)
    os.killpg(process.pid, signal.SIGINT)
    assert process.communicate(timeout=20) == ("interrupted\n", "")
    assert_gone(family)


def test_two_runs_on_one_store_both_finish_and_make_nothing_twice(tmp_path):
    driven = Driven(tmp_path, 10)
    both = [driven.start(), driven.start()]
    reports = [json.loads(process.communicate(timeout=120)[0]) for process in both]
    assert [process.returncode for process in both] == [0, 0]
    lines = driven.log.read_text().splitlines()
    assert len(lines) == len(set(lines)) == 12
    assert sum(report["finished"] for report in reports) == 6
    assert all(report["finished"] + report["cached"] == 6 for report in reports)


def test_a_cached_run_starts_no_process_and_does_not_import_torch(tmp_path):
    driven = Driven(tmp_path, 1)
    assert driven.to_the_end()[1]["children"] > 0
    status, report = driven.to_the_end()
    assert status == 0
    assert report == {"finished": 0, "cached": 6, "failed": 0, "blocked": 0, "torch": False, "children": 0}


def test_the_plan_of_these_tests_is_the_one_the_driver_runs(tmp_path):
    driven = Driven(tmp_path, 1)
    driven.to_the_end()
    assert driven.store.names() == sorted(each.name for each in plan(driven.log, 1))
