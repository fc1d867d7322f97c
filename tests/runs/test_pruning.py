import os
import re
import shutil
import time

import pytest

import dormouse.runs.pruning
from dormouse.errors import UserError
from dormouse.runs.folder import held
from dormouse.runs.pruning import (
    BIN,
    Selection,
    leftovers,
    prune,
    seconds_of,
)
from dormouse.store.stage import Stage
from dormouse.store.store import Failure, Store
from store_runs import experiment, run, stages

IMPORTED = Stage("organism", {"given": "x"}, {}, {"role": "organism", "variant": "imported"})
DAY = 86_400


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / "store")
    made.prepare()
    return made


@pytest.fixture
def settings(tmp_path):
    return experiment(tmp_path)


@pytest.fixture
def other(tmp_path):
    """The same plan with another implant: it shares what comes before."""
    return experiment(tmp_path, "organism.implant.steps=7")


def names(settings):
    return {stage.name for stage in stages(settings)}


def make(store, stage):
    (store.begin(stage) / "metrics.json").write_text("{}")
    store.finish(stage, {"seconds": 1.0})


def found(store, **selection):
    return {(one.kind, one.name) for one in leftovers(store, Selection(**selection))}


def grow_old(path, days):
    os.utime(path, (time.time() - days * DAY,) * 2)


def test_what_a_named_run_needs_is_kept_and_the_rest_is_found(store, settings, other):
    run(store, settings)
    folder = run(store, other)
    assert found(store) == set()
    shutil.rmtree(folder.path)
    assert found(store) == {("artifact", name) for name in names(other) - names(settings)}


def test_listing_deletes_nothing_and_deleting_says_what_went(store, settings, other):
    run(store, settings)
    shutil.rmtree(run(store, other).path)
    there = store.names()
    listed = leftovers(store, Selection())
    assert store.names() == there
    gone, busy = prune(store, Selection())
    assert [one.name for one in gone] == [one.name for one in listed]
    assert sum(one.bytes for one in gone) == sum(one.bytes for one in listed) > 0
    assert busy == []
    assert set(store.names()) == names(settings)
    assert all(store.damage(name) is None for name in store.names())
    assert found(store) == set()
    assert not list(store.root.rglob(f"{BIN}*"))


def test_a_run_that_has_begun_keeps_what_it_will_need(store, settings, other):
    run(store, settings)
    shutil.rmtree(run(store, other).path)
    run(store, other, finish=False)
    assert prune(store, Selection()) == ([], [])


def test_what_a_run_has_made_before_it_ends_is_kept_where_its_plan_would_make_others_now(store, settings, monkeypatch):
    run(store, settings, finish=False)
    begun = stages(settings)
    for stage in begun[:4]:
        make(store, stage)
    monkeypatch.setattr("dormouse.bases.nursery.Nursery.fingerprint", lambda self: "another folder's")
    assert not names(settings) & {stage.name for stage in begun if stage.kind == "base"}
    assert found(store) == set()


def test_forgetting_a_run_deletes_its_folder_and_what_it_alone_needs(store, settings, other):
    run(store, settings)
    folder = run(store, other)
    gone, _ = prune(store, Selection(run=folder.path.name))
    assert not folder.path.exists()
    assert {one.name for one in gone} == {folder.path.name} | (names(other) - names(settings))
    assert set(store.names()) == names(settings)
    assert (store.root / "runs" / "small" / "results.csv").exists()


def test_forgetting_a_run_leaves_what_no_run_needs_to_another_prune(store, settings, other, tmp_path):
    run(store, settings)
    stranger = experiment(tmp_path, "helpful.steps=3")
    shutil.rmtree(run(store, stranger).path)
    folder = run(store, other)
    prune(store, Selection(run=folder.path.name))
    assert set(store.names()) == names(settings) | names(stranger)


def test_a_run_whose_plan_is_damaged_stops_a_prune_until_it_is_forgotten(store, settings, other):
    run(store, settings)
    folder = run(store, other)
    folder.plan.write_text("name: [")
    with pytest.raises(UserError, match=f"What run '{folder.path.name}' needs cannot be told.*dormouse prune --run"):
        leftovers(store, Selection())
    prune(store, Selection(run=folder.path.name))
    assert set(store.names()) == names(settings)


def test_what_a_process_works_on_stays(store, settings, other):
    run(store, settings)
    folder = run(store, other)
    at_work = sorted(names(other) - names(settings))[0]
    with store.lock(at_work):
        with pytest.raises(UserError) as error:
            prune(store, Selection(run=folder.path.name))
        assert str(error.value) == (
            f"Run '{folder.path.name}' is at work on '{at_work}'. Stop it, or wait for its end."
        )
        shutil.rmtree(folder.path)
        gone, busy = prune(store, Selection())
        assert {one.name for one in busy} == {at_work}
        assert at_work in store.names()
    assert {one.name for one in gone} == names(other) - names(settings) - {at_work}


def test_no_run_can_begin_while_something_is_deleted(store, settings, monkeypatch):
    run(store, settings)
    seen = []
    original = dormouse.runs.pruning._put_away

    def put_away(one, store):
        monkeypatch.setattr("dormouse.runs.folder.SECONDS_TO_WAIT", 0.1)
        with pytest.raises(UserError, match="Another process has held"), held(store):
            pass
        seen.append(one)
        return original(one, store)

    monkeypatch.setattr(dormouse.runs.pruning, "_put_away", put_away)
    prune(store, Selection(run="small"))
    assert seen


def test_only_what_is_older_goes_where_an_age_is_given(store, settings, other):
    run(store, settings)
    shutil.rmtree(run(store, other).path)
    unneeded = sorted(names(other) - names(settings))
    measured = [name for name in unneeded if name.startswith("measure")]
    for name in measured[:2]:
        grow_old(store.path(name) / "stage.json", 40)
    assert found(store, older_than=30 * DAY) == {("artifact", name) for name in measured[:2]}
    assert found(store, older_than=50 * DAY) == set()


def test_what_stays_keeps_what_it_was_made_from_however_old(store, settings, other):
    run(store, settings)
    shutil.rmtree(run(store, other).path)
    unneeded = names(other) - names(settings)
    for name in unneeded:
        grow_old(store.path(name) / "stage.json", 40)
    young = next(s for s in stages(other) if s.kind == "measure" and s.labels.get("safety") == "sft")
    assert young.name in unneeded
    os.utime(store.path(young) / "stage.json")
    kept = unneeded - {name for _, name in found(store, older_than=30 * DAY)}
    assert {young.name, young.inputs["model"].name, young.inputs["parent"].name} <= kept < unneeded


def test_imported_models_belong_to_no_run_and_stay_unless_they_are_asked_for(store, settings):
    run(store, settings)
    make(store, IMPORTED)
    assert found(store) == set()
    assert found(store, older_than=0) == set()
    assert found(store, imported=True) == {("artifact", IMPORTED.name)}


def test_what_may_have_been_imported_is_not_deleted_for_a_damaged_manifest(store, settings):
    run(store, settings)
    make(store, IMPORTED)
    path = store.path(IMPORTED) / "stage.json"
    path.write_text(path.read_text().replace("imported", "exported"))
    with pytest.raises(UserError) as error:
        prune(store, Selection())
    assert str(error.value) == (
        f"Artifact '{IMPORTED.name}' is damaged: its file 'stage.json' is not what was written. Make it again with its "
        "plan: dormouse run PLAN --rebuild. If it was imported: dormouse import FOLDER. No run needs it, and it is not "
        "known whether it was imported; to delete it in any case: dormouse prune --imported --delete"
    )
    gone, _ = prune(store, Selection(imported=True))
    assert [one.name for one in gone if one.kind == "artifact"] == [IMPORTED.name]


def test_what_a_run_needs_is_kept_whatever_its_manifest_says(store, settings):
    run(store, settings)
    for name in store.names():
        (store.path(name) / "stage.json").write_text("{")
    assert prune(store, Selection()) == ([], [])


def test_what_stages_left_behind_goes_unless_they_are_yet_to_be_made(store, settings, other):
    run(store, settings)
    run(store, other, finish=False)
    needed = next(stage for stage in stages(other) if stage.name not in store.names())
    done = next(stage for stage in stages(settings) if stage.kind == "base")
    stranger = Stage("base", {"seed": 4711})
    for stage in (needed, done, stranger):
        (store.begin(stage) / "scratch").mkdir()
        store.fail(stage, Failure("It broke.", user_error=True))
        (store.root / "set_aside" / stage.name).mkdir()
        store.lock(stage).acquire().lock.release()
    expected = {(kind, one.name) for one in (done, stranger) for kind in ("unfinished work", "failure", "set aside")}
    assert found(store) == expected | {("lock", stranger.name)}
    prune(store, Selection())
    assert store.partial(needed).exists()
    assert store.failure(needed)
    assert store.set_aside_names() == {needed.name}
    assert not store.partial(stranger).exists()


def test_what_ends_while_it_is_looked_at_is_passed_over(store, settings, monkeypatch):
    run(store, settings)
    stranger = Stage("base", {"seed": 4711})
    for stage in (IMPORTED, stranger):
        (store.begin(stage) / "metrics.json").write_text("{}")
    listed = dormouse.runs.pruning._entries

    def entries(folder):
        found = listed(folder)
        if folder.name == "partial":
            store.finish(stranger, {"seconds": 1.0})
        return found

    monkeypatch.setattr(dormouse.runs.pruning, "_names", lambda store: {IMPORTED.name, stranger.name})
    monkeypatch.setattr(dormouse.runs.pruning, "_entries", entries)
    assert found(store) == {("unfinished work", IMPORTED.name)}


def test_what_an_interrupted_prune_left_is_deleted_by_the_next(store, settings, other, monkeypatch):
    run(store, settings)
    shutil.rmtree(run(store, other).path)

    def interrupted(path):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(dormouse.runs.pruning.shutil, "rmtree", interrupted)
        with pytest.raises(KeyboardInterrupt):
            prune(store, Selection())
    # Nothing that is half gone is taken for an artifact.
    assert set(store.names()) == names(settings)
    [(kind, _)] = found(store)
    assert kind == "half deleted"
    gone, _ = prune(store, Selection())
    assert gone[0].bytes > 0
    assert not list(store.root.rglob(f"{BIN}*"))


def test_a_store_without_runs_is_not_emptied_by_accident(store):
    make(store, IMPORTED)
    with pytest.raises(UserError) as error:
        prune(store, Selection())
    assert str(error.value) == (
        f"Store '{store.root}' has no runs, so all of its 1 artifacts would go. If that is what you want, delete its "
        "folder."
    )


@pytest.mark.parametrize(("age", "seconds"), [("30d", 30 * DAY), ("1.5h", 5400), ("4w", 28 * DAY), ("10m", 600)])
def test_an_age_is_a_number_and_a_unit(age, seconds):
    assert seconds_of(age) == seconds


@pytest.mark.parametrize("age", ["", "30", "d", "-1d", "30 d", "1e3d", "30D", "nan", "∞d"])
def test_what_is_no_age_says_what_is_one(age):
    said = f"'{age}' is no age. Give a number of m(inutes), h(ours), d(ays) or w(eeks): --older-than 30d."
    with pytest.raises(UserError, match=re.escape(said)):
        seconds_of(age)
