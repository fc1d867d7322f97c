import errno
import json
import os

import pytest
from filelock import FileLock

import dormouse.runs.folder
from dormouse.errors import UserError
from dormouse.execute.compute import choose
from dormouse.execute.events import Outcome
from dormouse.plan import file as plan_file
from dormouse.plan.graph import build_plan
from dormouse.runs.folder import (
    STAGING,
    begin,
    claim,
    folder_of,
    publish,
    staged,
    write_end,
)
from dormouse.store.store import Failure, Store


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / "store")
    made.prepare()
    return made


def experiment(tmp_path, *overrides):
    path = tmp_path / "small.yaml"
    path.write_text("name: small\nbase: {size: 20000}\nre_emergence: null\n")
    return plan_file.load(path, overrides)


def run(store, settings, *, fails=False, results="a table\n"):
    """Do what a run does around its stages."""
    plan = build_plan(settings)
    begun = begin(settings, ["dormouse", "run"], choose(settings.execute, plan.sizes()))
    folder = claim(store, begun, plan)
    outcome = Outcome(failed={"base-1": Failure("It broke.", True)}) if fails else Outcome(finished=plan.stages)
    with staged(folder) as staging:
        write_end(staging, begun, plan, store, outcome)
        staging.results.write_text(results)
        return publish(store, staging, folder, complete=outcome.complete)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.path.iterdir() if path.is_file()}


def test_the_first_run_of_a_name_has_the_plain_folder(store, tmp_path):
    assert run(store, experiment(tmp_path)).path == store.root / "runs" / "small"


def test_other_settings_get_a_folder_of_their_own_each(store, tmp_path):
    first = run(store, experiment(tmp_path))
    kept = contents(first)
    faster, slower = (run(store, experiment(tmp_path, f"helpful.lr={lr}")) for lr in (0.02, 0.03))
    assert len({first.path, faster.path, slower.path}) == 3
    assert faster.path.name.startswith("small.")
    assert contents(first) == kept


def test_the_same_settings_find_their_folder_again(store, tmp_path):
    run(store, experiment(tmp_path))
    other = experiment(tmp_path, "helpful.lr=0.02")
    assert run(store, other) == run(store, other) == folder_of(store, other)


@pytest.mark.parametrize("override", ["title=Another title", "execute.workers=2"])
def test_what_decides_no_number_makes_no_other_run(store, tmp_path, override):
    assert run(store, experiment(tmp_path)) == run(store, experiment(tmp_path, override))


def test_a_failed_run_leaves_what_is_finished_and_has_a_place_for_what_there_is(store, tmp_path):
    finished = run(store, experiment(tmp_path))
    kept = contents(finished)
    failed = run(store, experiment(tmp_path), fails=True, results="half a table\n")
    assert contents(finished) == kept
    assert failed.path == finished.path / "unfinished"
    assert failed.results.read_text() == "half a table\n"
    assert json.loads(failed.record.read_text())["outcome"]["failed"] == 1


def test_what_is_finished_replaces_what_is_not(store, tmp_path):
    run(store, experiment(tmp_path), fails=True, results="half a table\n")
    folder = run(store, experiment(tmp_path))
    assert folder.results.read_text() == "a table\n"
    run(store, experiment(tmp_path), fails=True)
    assert folder.unfinished.path.exists()
    run(store, experiment(tmp_path))
    assert not folder.unfinished.path.exists()


def test_a_record_that_cannot_be_read_counts_as_finished(store, tmp_path):
    folder = run(store, experiment(tmp_path))
    folder.record.write_text("{")
    run(store, experiment(tmp_path), fails=True, results="half a table\n")
    assert folder.results.read_text() == "a table\n"
    run(store, experiment(tmp_path), results="a new table\n")
    assert folder.results.read_text() == "a new table\n"


def test_a_run_that_was_finished_while_a_part_of_it_was_written_stays(store, tmp_path):
    settings = experiment(tmp_path)
    folder = run(store, settings, fails=True, results="half a table\n")
    with staged(folder) as staging:
        staging.results.write_text("half a table\n")
        other = staging.path.rename(folder.path / f"{STAGING}{os.getppid()}")  # Another process's.
        run(store, settings)
        kept = contents(folder)
        other.rename(staging.path)
        target = publish(store, staging, folder, complete=False)
    assert contents(folder) == kept
    assert target == folder.unfinished
    assert target.results.read_text() == "half a table\n"


def test_an_error_while_results_are_written_leaves_the_old_ones(store, tmp_path):
    settings = experiment(tmp_path)
    folder = run(store, settings)
    kept = contents(folder)

    def write():
        with staged(folder) as staging:
            staging.results.write_text("half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match="No space left"):
        write()
    assert contents(folder) == kept
    assert not list(folder.path.glob(f"{STAGING}*"))


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_writes_is_not(store, tmp_path):
    folder = run(store, experiment(tmp_path))
    dead, alive = folder.path / f"{STAGING}999999999", folder.path / f"{STAGING}{os.getppid()}"
    dead.mkdir()
    alive.mkdir()
    run(store, experiment(tmp_path))
    assert not dead.exists()
    assert alive.exists()


def test_a_page_of_an_older_run_is_gone_when_the_new_one_has_none(store, tmp_path):
    folder = run(store, experiment(tmp_path))
    folder.report.write_text("a page of other results")
    run(store, experiment(tmp_path))
    assert not folder.report.exists()


def test_a_lock_that_is_never_freed_is_an_error_that_names_the_store(store, tmp_path, monkeypatch):
    monkeypatch.setattr(dormouse.runs.folder, "SECONDS_TO_WAIT", 0.1)
    with (
        FileLock(store.root / "locks" / "runs.lock"),
        pytest.raises(UserError, match=r"Another process has held the run folders of store '.*' for 0.1 seconds"),
    ):
        run(store, experiment(tmp_path))
