"""The same plan on a Ray cluster of two nodes, both on this machine."""

import os
import signal
import threading
import time
from pathlib import Path

import psutil
import pytest
from runners import count, plan

from dormouse.errors import UserError
from dormouse.execute.engine import How
from dormouse.execute.events import Finished, Started
from dormouse.execute.local import run_local
from dormouse.store.store import Store

ray = pytest.importorskip("ray")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster():
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    made.add_node(num_cpus=1)
    beside = {"env_vars": {"PYTHONPATH": str(Path(__file__).parent)}}
    ray.init(address=made.address, log_to_driver=False, runtime_env=beside)
    yield made
    ray.shutdown()
    made.shutdown()


def run_there(stages, store, **settings):
    from dormouse.execute.ray import run_ray

    return run_ray(stages, store, How(runner=count, **settings))


def files(store):
    return {name: store.manifest(name)["files"] for name in store.names()}


def test_two_nodes_make_what_this_machine_makes(cluster, tmp_path):
    here, there = Store(tmp_path / "here"), Store(tmp_path / "there")
    events = []
    assert run_local(plan(tmp_path / "log"), here, How(runner=count), preload=()).complete
    outcome = run_there(plan(tmp_path / "log"), there, on_event=events.append)
    assert outcome.complete
    assert len(outcome.finished) == 6
    assert files(there) == files(here)
    assert sum(isinstance(event, Started) for event in events) == 6
    assert sum(isinstance(event, Finished) for event in events) == 6
    assert len(run_there(plan(tmp_path / "log"), there).cached) == 6


def test_a_worker_that_is_killed_is_replaced_and_goes_on(cluster, tmp_path):
    store, log = Store(tmp_path / "store"), tmp_path / "log"
    killed = threading.Event()

    def kill_one():
        while not killed.is_set():
            for process in psutil.process_iter(["cmdline"]):
                if "ray::_attempt" in " ".join(process.info["cmdline"] or []) and log.exists():
                    time.sleep(0.5)
                    os.kill(process.pid, signal.SIGKILL)
                    killed.set()
                    return
            time.sleep(0.05)

    killer = threading.Thread(target=kill_one)
    killer.start()
    outcome = run_there(plan(log, steps=300), store)
    killer.join()
    assert killed.is_set()
    assert outcome.complete
    started = [line for line in log.read_text().splitlines() if line.startswith("start")]
    assert len(started) == 7


def test_a_node_that_does_not_see_the_store_is_said(cluster, tmp_path, monkeypatch):
    from dormouse.execute import ray as on_ray

    monkeypatch.setattr(on_ray, "_sees", lambda path: False)
    with pytest.raises(UserError, match=r"not seen on 2 of the cluster's 2 nodes .*--store PATH"):
        run_there(plan(tmp_path / "log"), Store(tmp_path / "store"))


def test_a_cluster_that_is_not_there_is_said(monkeypatch, tmp_path):
    from dormouse.execute import ray as on_ray

    monkeypatch.setattr(ray, "is_initialized", lambda: False)

    def refuse(**_):
        raise ConnectionError("nobody there")

    monkeypatch.setattr(ray, "init", refuse)
    with pytest.raises(UserError, match=r"No Ray cluster can be reached at '10.0.0.1:6379'.*execute.on=local"):
        on_ray.run_ray(plan(tmp_path / "log"), Store(tmp_path / "store"), address="10.0.0.1:6379")
