import json
from unittest.mock import Mock

import pytest
from runners import PRELOAD, count, plan, stage

from dormouse.errors import UserError
from dormouse.execute import local
from dormouse.execute.engine import How
from dormouse.execute.events import (
    Blocked,
    Cached,
    Failed,
    Finished,
    Progress,
    Started,
    Waiting,
)
from dormouse.execute.local import preloads, run_local
from dormouse.execute.worker import Task, attempt
from dormouse.store.stage import Stage
from dormouse.store.store import Store


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def run(stages, store, **settings):
    events = []
    workers = settings.pop("workers", 2)
    how = How(**{"on_event": events.append, "runner": count, **settings})
    outcome = run_local(stages, store, how, workers=workers, preload=PRELOAD)
    return outcome, events


def files(store):
    return {name: store.manifest(name)["files"] for name in store.names()}


def overwrite(store, which):
    """Change the contents of an artifact and no size."""
    path = store.path(which) / "model" / "weights.json"
    path.write_bytes(path.read_bytes().replace(b"steps", b"STEPS"))


def test_every_stage_runs_once_and_after_its_inputs(store, tmp_path):
    stages = plan(tmp_path / "log")
    outcome, events = run(stages, store)
    assert outcome.complete
    assert outcome.counts() == {"finished": 6, "cached": 0, "failed": 0, "blocked": 0}
    lines = (tmp_path / "log").read_text().splitlines()
    assert len(lines) == len(set(lines)) == 12
    for each in stages:
        begun = lines.index(f"start {each.spec['name']}")
        assert all(lines.index(f"end {source.spec['name']}") < begun for source in each.inputs.values())
    assert {type(event) for event in events} == {Started, Progress, Finished}


def test_results_do_not_depend_on_the_number_of_workers(tmp_path):
    stages = plan(tmp_path / "log")
    one, three = Store(tmp_path / "one"), Store(tmp_path / "three")
    run(stages, one, workers=1)
    run(stages, three, workers=3)
    assert files(one) == files(three)
    assert len(files(one)) == 6


def test_a_second_run_takes_everything_from_the_store(store, tmp_path):
    stages = plan(tmp_path / "log")
    run(stages, store)
    before = (tmp_path / "log").read_text()
    outcome, events = run(stages, store)
    assert outcome.counts() == {"finished": 0, "cached": 6, "failed": 0, "blocked": 0}
    assert {type(event) for event in events} == {Cached}
    assert (tmp_path / "log").read_text() == before


def test_only_what_is_missing_runs(store, tmp_path):
    stages = plan(tmp_path / "log")
    run(stages[:3], store)
    outcome, _ = run(stages, store)
    assert [each.kind for each in outcome.cached] == ["tokenizer", "base", "base"]
    assert sorted(each.kind for each in outcome.finished) == ["measure", "organism", "organism"]


def test_a_failed_stage_stops_only_what_depends_on_it(store):
    bad = stage("base", "bad", then="bug")
    above = stage("helpful", "above", {"model": bad})
    top = stage("measure", "top", {"model": above})
    good = stage("base", "good")
    outcome, events = run([bad, above, top, good], store, workers=1)
    assert [each.name for each in outcome.finished] == [good.name]
    assert outcome.blocked == {above.name: bad.name, top.name: bad.name}
    assert not outcome.complete
    failure = outcome.failed[bad.name]
    assert failure.message == "ZeroDivisionError: a mistake of ours"
    assert not failure.user_error
    assert "in _bug" in failure.traceback
    assert store.failure(bad) == failure
    assert [event.because.name for event in events if isinstance(event, Blocked)] == [bad.name, bad.name]
    assert store.names() == [good.name]


def test_a_mistake_of_the_user_is_told_without_traceback_and_forgotten_once_repaired(store, tmp_path):
    repaired = tmp_path / "repaired"
    needy = stage("base", "needy", then="need_repair", repaired=str(repaired))
    outcome, events = run([needy], store)
    failure = outcome.failed[needy.name]
    assert (failure.message, failure.user_error, failure.traceback) == ("The plan has a mistake. Repair it.", True, "")
    assert [event.error for event in events if isinstance(event, Failed)] == [failure]
    repaired.touch()
    outcome, _ = run([needy], store)
    assert outcome.complete
    assert store.failure(needy) is None


def test_a_killed_worker_is_reported_and_the_others_go_on(store, tmp_path):
    killed = stage("base", "killed", then="be_killed")
    stages = [*plan(tmp_path / "log"), killed]
    outcome, _ = run(stages, store)
    assert outcome.counts() == {"finished": 6, "cached": 0, "failed": 1, "blocked": 0}
    failure = outcome.failed[killed.name]
    assert failure.message == (
        f"The process of stage '{killed.name}' was killed (SIGKILL). "
        "The system does this when memory runs out: run the same command again with fewer --workers."
    )
    assert failure.user_error
    assert store.failure(killed) == failure
    assert not store.is_busy(killed)


def test_a_worker_that_leaves_without_a_word_is_a_bug(store):
    leaver = stage("base", "leaver", then="leave")
    failure = run([leaver], store)[0].failed[leaver.name]
    assert failure.message == f"The process of stage '{leaver.name}' ended with exit status 3 before its stage did."
    assert not failure.user_error


def test_a_full_disk_is_said_so_and_leaves_nothing_that_looks_finished(store, tmp_path):
    full = stage("base", "full", then="disk_full")
    outcome, _ = run([full, stage("base", "other")], store)
    failure = outcome.failed[full.name]
    assert failure.user_error
    assert failure.message == (
        f"The disk is full (store '{store.root}'). "
        "Free some space and run the same command again; nothing finished is lost."
    )
    assert len(store.names()) == 1
    assert not store.has(full)
    assert (store.partial(full) / "scratch" / "step.json").exists()


def test_a_stage_that_was_killed_while_its_checkpoints_were_removed_does_not_run_again(store, tmp_path, monkeypatch):
    store.prepare()
    task = Task(stage("base", "killed", log=str(tmp_path / "log")), store.root, 1, 20.0, count, ())
    with monkeypatch.context() as patched:
        patched.setattr("dormouse.store.store.shutil.rmtree", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            attempt(task, Mock())
    assert not store.has(task.stage)
    assert attempt(task, Mock()).outcome == "cached"
    assert store.damage(task.stage) is None
    assert (tmp_path / "log").read_text().splitlines() == ["start killed", "end killed"]


def test_a_damaged_input_is_named_set_aside_and_made_again_on_request(store, tmp_path):
    stages = plan(tmp_path / "log")
    run(stages[:4], store)
    written = files(store)
    damaged = stages[3]
    overwrite(store, damaged)
    with pytest.raises(UserError, match=f"Artifact '{damaged.name}' is damaged: its file 'model/weights.json'"):
        run(stages, store)
    assert not store.path(damaged).exists()
    with pytest.raises(UserError, match=r"is set aside in .* Run the same command again with --rebuild"):
        run(stages, store)
    outcome, _ = run(stages, store, rebuild=True)
    assert outcome.complete
    assert damaged.name in [each.name for each in outcome.finished]
    assert written.items() <= files(store).items()
    assert (store.root / "set_aside" / damaged.name / "model" / "weights.json").exists()
    assert run(stages, store)[0].counts()["cached"] == 6


def test_inputs_of_a_damaged_artifact_are_checked_before_it_is_made_again(store, tmp_path):
    stages = plan(tmp_path / "log")
    run(stages[:5], store)
    written = files(store)
    for each in (stages[1], stages[3]):
        overwrite(store, each)
    outcome, _ = run(stages, store, rebuild=True)
    assert {each.name for each in outcome.finished} == {stages[1].name, stages[3].name, stages[5].name}
    assert written.items() <= files(store).items()


def test_a_file_that_is_missing_is_damage_even_where_nothing_reads_it(store, tmp_path):
    stages = plan(tmp_path / "log")
    run(stages, store)
    (store.path(stages[5]) / "model" / "weights.json").unlink()
    with pytest.raises(UserError, match=r"is damaged: its file 'model/weights.json' is missing"):
        run(stages, store)
    assert run(stages, store, rebuild=True)[0].counts()["finished"] == 1


def test_a_changed_byte_is_damage_even_where_only_results_read_it(store, tmp_path):
    stages = plan(tmp_path / "log")
    run(stages, store)
    written = files(store)
    overwrite(store, stages[5])
    with pytest.raises(UserError, match=r"is damaged: its file 'model/weights.json' is not what was written"):
        run(stages, store)
    outcome, _ = run(stages, store, rebuild=True)
    assert outcome.counts() == {"finished": 1, "cached": 5, "failed": 0, "blocked": 0}
    assert written.items() <= files(store).items()


def test_large_files_that_no_stage_reads_are_not_read(store, tmp_path, monkeypatch):
    monkeypatch.setattr("dormouse.execute.engine.RESULTS_UP_TO", 1)
    stages = plan(tmp_path / "log")
    run(stages, store)
    overwrite(store, stages[5])
    assert run(stages, store)[0].counts()["cached"] == 6


def test_a_stage_of_another_run_is_waited_for_while_other_work_goes_on(store):
    theirs, ours = stage("base", "theirs"), stage("helpful", "ours")
    store.prepare()
    lock = store.lock(theirs)
    lock.acquire()
    events = []

    def on_event(event):
        events.append(event)
        if isinstance(event, Finished) and event.stage is ours:
            lock.release()

    outcome, _ = run([theirs, ours], store, workers=1, on_event=on_event)
    assert outcome.counts()["finished"] == 2
    told = [(type(event), event.stage.spec["name"]) for event in events if not isinstance(event, Progress)]
    assert told == [
        (Waiting, "theirs"),
        (Started, "ours"),
        (Finished, "ours"),
        (Started, "theirs"),
        (Finished, "theirs"),
    ]


def test_what_another_run_finished_meanwhile_counts_as_cached(store, tmp_path):
    theirs = stage("base", "theirs", log=str(tmp_path / "log"))
    store.prepare()
    lock = store.lock(theirs)
    lock.acquire()

    def on_event(event):
        if isinstance(event, Waiting):
            (store.begin(theirs) / "metrics.json").write_text("{}")
            store.finish(theirs, {})
            lock.release()

    outcome, _ = run([theirs], store, on_event=on_event)
    assert [each.name for each in outcome.cached] == [theirs.name]
    assert not (tmp_path / "log").exists()


def test_workers_have_their_threads_are_offline_and_keep_what_is_printed(store, capfd):
    teller = stage("base", "teller", then="tell")
    run([teller], store, threads=3)
    folder = store.path(teller)
    environment = json.loads((folder / "environment.json").read_text())
    assert environment["OMP_NUM_THREADS"] == "3"
    assert environment["HF_HUB_OFFLINE"] == environment["HF_HUB_DISABLE_TELEMETRY"] == "1"
    printed = (folder / "log.txt").read_text().splitlines()
    assert sorted(printed) == ["and this is an error", "printed by the stage", "written without Python"]
    assert capfd.readouterr() == ("", "")
    manifest = store.manifest(teller)
    assert (manifest["threads"], manifest["device"], manifest["resumed"]) == (3, "cpu", False)
    assert manifest["peak_memory_mb"] > 1
    assert manifest["versions"]["torch"]


def test_progress_is_told_a_few_times_a_second(store):
    _, events = run([stage("base", "often", then="report_often")], store)
    told = [event for event in events if isinstance(event, Progress)]
    seconds = next(event.seconds for event in events if isinstance(event, Finished))
    assert 1 <= len(told) <= 2 + seconds * 5
    assert told[0].share == 0.0


def test_an_error_of_the_listener_ends_the_workers(store, tmp_path):
    def on_event(event):
        if isinstance(event, Progress):
            raise ValueError("the listener's own mistake")

    long = stage("base", "long", steps=3000, log=str(tmp_path / "log"))
    with pytest.raises(ValueError, match="own mistake"):
        run([long], store, on_event=on_event)
    assert not store.is_busy(long)
    assert store.names() == []


def test_the_callers_environment_is_left_alone(store, monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    import os

    before = dict(os.environ)
    run([stage("base", "any")], store)
    assert dict(os.environ) == before


def test_detectors_have_what_they_need_imported_for_them_and_others_do_not():
    base, detect = Stage("base", {}), Stage("detect", {})
    assert preloads([base]) == local.PRELOAD
    assert preloads([base, detect]) == (*local.PRELOAD, "dormouse.execute.preload_detectors")


def test_an_input_that_is_damaged_while_the_run_goes_on_stops_what_reads_it(store, tmp_path):
    stages = plan(tmp_path / "log")
    spoiled = stages[3]

    def spoil(event):
        if isinstance(event, Finished) and event.stage.key == spoiled.key:
            overwrite(store, spoiled)

    outcome, _ = run(stages, store, on_event=spoil)
    [(name, failure)] = outcome.failed.items()
    assert name == stages[5].name
    assert failure.user_error
    assert failure.message.startswith(f"Artifact '{spoiled.name}' is damaged: its file 'model/weights.json' is not")
    assert not store.has(stages[5])
    assert run(stages, store, rebuild=True)[0].complete


def test_a_strangers_file_in_a_model_is_named_and_costs_nothing(store, tmp_path):
    stages = plan(tmp_path / "log")
    run(stages[:5], store)
    stranger = store.path(stages[3]) / "model" / "adapter_config.json"
    stranger.write_text("{}")
    for rebuild in (False, True):
        with pytest.raises(UserError, match=r"'model/adapter_config.json' of artifact .* was not written with it"):
            run(stages, store, rebuild=rebuild)
        assert store.is_there(stages[3])
    stranger.unlink()
    assert run(stages, store)[0].counts() == {"finished": 1, "cached": 5, "failed": 0, "blocked": 0}
