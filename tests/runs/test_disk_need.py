import os
import shutil
import threading
from collections import namedtuple

import pytest

import dormouse.runs.disk_need
from dormouse.errors import UserError
from dormouse.models.architectures import shape_of
from dormouse.plan import file as plan_file
from dormouse.plan.experiment import Experiment
from dormouse.plan.graph import build_plan
from dormouse.runs.disk_need import (
    DiskNeed,
    bytes_below,
    disk_need,
    free_at,
    need_of_run,
    size_words,
    snapshots,
)
from dormouse.store.kinds import KINDS
from dormouse.store.stage import Stage
from dormouse.store.store import Store
from tiny import save_tiny_model

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def planned(**settings):
    given = {"name": "a", "base": {"size": 200_000}, "safety": {"sft": {"type": "sft", "snapshots": 2}}} | settings
    return build_plan(Experiment.model_validate(given)).stages


def need(stages, store, workers=1):
    return disk_need(stages, store, workers).bytes


def test_every_shipped_plan_has_an_estimate_above_its_models(store):
    for name, path in plan_file.shipped().items():
        if name in ("hh", "smollm2-recipes"):  # Their data is to be given.
            continue
        stages = build_plan(plan_file.load(path)).stages
        models = [stage for stage in stages if KINDS[stage.kind].writes.model]
        found = disk_need(stages, store, 2)
        if found.is_whole:
            assert found.bytes > 4 * 20_000 * len(models), name


def test_a_model_takes_four_bytes_a_weight_and_as_much_again_for_each_snapshot(store):
    stages = planned()
    weights = 4 * shape_of("llama", 200_000, 768).parameters
    trained = next(stage for stage in stages if stage.kind == "safety")
    assert snapshots(trained) == 2
    base = next(stage for stage in stages if stage.kind == "base")
    more = need([base, trained], store) - need([base], store)
    assert 3 * weights < more < 3.2 * weights


def test_snapshots_that_fall_together_are_one():
    few = planned(safety={"sft": {"type": "sft", "snapshots": 4, "steps": 4}})
    assert snapshots(next(stage for stage in few if stage.kind == "safety")) == 3


def test_checkpoints_come_on_top_for_each_stage_at_work(store):
    stages = planned()
    weights = 4 * shape_of("llama", 200_000, 768).parameters
    assert need(stages, store, 3) - need(stages, store, 1) == 2 * 2 * 3 * weights


def test_more_prompts_take_more(store):
    few, many = (need(planned(measure={"prompts": n}), store) for n in (100, 8_100))
    measured = sum(stage.kind in ("measure", "measure_re_emergence") for stage in planned())
    assert many - few > 8_000 * 2 * 200 * measured


def test_only_what_is_missing_counts_and_what_is_begun_is_there_already(store):
    stages = planned()
    store.prepare()
    whole = need_of_run(stages, store, 1, rebuild=False).bytes
    begun = store.begin(next(stage for stage in stages if stage.kind == "base"))
    (begun / "model.safetensors").write_bytes(b"x" * 500_000)
    assert need_of_run(stages, store, 1, rebuild=False).bytes == whole - 500_000
    shutil.rmtree(begun)
    for stage in stages:
        (store.begin(stage) / "metrics.json").write_text("{}")
        store.finish(stage, {})
    done = need_of_run(stages, store, 1, rebuild=False).bytes
    assert done < 6_000_000  # The report is written anew.
    (store.path(stages[1]) / "metrics.json").write_text("{ }")
    assert need_of_run(stages, store, 1, rebuild=True).bytes > done + 800_000


@pytest.fixture
def training(store):
    """A folder of unfinished work in which checkpoints come and go, as in another process's."""
    stage = Stage("base", {"seed": 4711})
    store.prepare()
    scratch = store.begin(stage) / "scratch"
    (scratch / "kept").mkdir(parents=True)
    (scratch / "kept" / "optimizer.pt").write_bytes(b"x" * 1000)
    ended = threading.Event()

    def write():
        while not ended.is_set():
            for i in range(20):
                (scratch / f"checkpoint-{i}").mkdir()
                (scratch / f"checkpoint-{i}" / "state.json").touch()
            for i in range(20):
                shutil.rmtree(scratch / f"checkpoint-{i}")

    writer = threading.Thread(target=write)
    writer.start()
    yield store.partial(stage)
    ended.set()
    writer.join()


def test_what_another_process_deletes_meanwhile_is_not_counted(training):
    assert {bytes_below(training) for _ in range(500)} == {1000}


def test_a_model_that_exists_is_as_large_as_its_weights_in_the_format_they_are_kept_in(store, tmp_path):
    folder = save_tiny_model(tmp_path / "model")
    sizes = [
        need(planned(base={"type": "folder", "path": folder, "precision": precision}), store)
        for precision in ("float32", "bfloat16")
    ]
    weights = (folder / "model.safetensors").stat().st_size
    models = sum(KINDS[stage.kind].writes.model for stage in planned())
    assert sizes[0] - sizes[1] > models * weights / 2


def test_adapters_have_small_checkpoints(store, tmp_path):
    base = {"type": "folder", "path": save_tiny_model(tmp_path / "model"), "precision": "float32"}
    whole, adapters = (planned(base=base | rank) for rank in ({}, {"lora_rank": 4}))
    assert need(whole, store, 9) - need(whole, store, 1) > 10 * (need(adapters, store, 9) - need(adapters, store, 1))


def test_a_base_that_is_not_downloaded_makes_it_a_lower_bound(store, monkeypatch):
    monkeypatch.setattr("dormouse.bases.hub.Hub.fingerprint", lambda self: "commit")
    monkeypatch.setattr("dormouse.bases.hub.Hub.label", lambda self: None)
    found = disk_need(planned(base={"type": "hub", "model": "some/model"}), store, 1)
    assert not found.is_whole
    assert str(found).startswith("needs more than ")
    assert "(its base is not downloaded, so nobody knows how large models are)" in str(found)


def test_too_little_room_stops_a_run_before_it_begins(store, monkeypatch):
    monkeypatch.setattr(dormouse.runs.disk_need.shutil, "disk_usage", lambda place: Usage(10**9, 10**9, 2_000_000))
    with pytest.raises(UserError) as error:
        DiskNeed(120_400_000, 80_000_000).check(store.root)
    assert str(error.value) == (
        f"The run needs about 120 MB of disk; 80 MB are free, where store '{store.root}' is. Make room (dormouse prune "
        "says what no run needs any more), or choose a store on another disk with --store."
    )
    with pytest.raises(UserError, match=r"needs about .* of disk; 2 MB are free"):
        need_of_run(planned(), store, 1, rebuild=False)


def test_what_is_free_is_asked_of_the_disk_where_the_store_will_be(tmp_path):
    assert free_at(tmp_path / "not" / "yet" / "there") == pytest.approx(shutil.disk_usage(tmp_path).free, rel=0.1)
    assert free_at(tmp_path) > 0


@pytest.mark.parametrize(
    ("n", "words"), [(999, "1 kB"), (1_500, "2 kB"), (12_345_678, "12.3 MB"), (8.05e10, "80.5 GB"), (2e12, "2 TB")]
)
def test_sizes_are_said_in_three_digits(n, words):
    assert size_words(n) == words


def on_disk(root):
    """Return what a folder takes, by blocks."""
    return sum(path.lstat().st_blocks * 512 for path in root.rglob("*"))


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows tells no blocks")
def test_the_estimate_of_a_real_run_is_near_what_it_takes(tmp_path):
    from faults.tiny_plan import finished

    plan, made = finished(tmp_path)
    stages = build_plan(plan_file.load(plan)).stages
    predicted = disk_need(stages, Store(tmp_path / "none"), 1).bytes
    assert 0.9 < predicted / on_disk(made.root) < 1.5
