import contextlib
import errno
import json
import os
import re
import shutil
import tempfile
from pathlib import Path
from unittest.mock import ANY

import pytest
from filelock import Timeout

from dormouse.errors import UserError
from dormouse.machine.files import replace_file
from dormouse.store import store as store_module
from dormouse.store.stage import Stage
from dormouse.store.store import Failure, Store

TOKENIZER = Stage("tokenizer", {"vocabulary": 256})
BASE = Stage("base", {"seed": 0}, {"tokenizer": TOKENIZER}, {"size": 70_000, "seed": 0})
OTHER = Stage("base", {"seed": 1}, {"tokenizer": TOKENIZER}, {"size": 70_000, "seed": 1})


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / "store")
    made.prepare()
    return made


def make(store, stage, text="weights"):
    folder = store.begin(stage)
    (folder / "model").mkdir(exist_ok=True)
    (folder / "model" / "model.safetensors").write_text(text)
    (folder / "scratch").mkdir(exist_ok=True)
    (folder / "scratch" / "checkpoint").write_text("half")
    (folder / "log.txt").write_text("at 10:31")
    return store.finish(stage, {"seconds": 1.5})


def test_a_finished_artifact_says_what_it_is_and_what_it_holds(store):
    assert not store.has(BASE)
    folder = make(store, BASE)
    assert store.has(BASE)
    assert folder == store.path(BASE) == store.path(BASE.name) == store.root / "artifacts" / BASE.name
    manifest = store.manifest(BASE)
    assert {"checksum": ANY} | manifest == json.loads((folder / "stage.json").read_text())
    assert (manifest["kind"], manifest["key"], manifest["spec"]) == ("base", BASE.key, {"seed": 0})
    assert manifest["inputs"] == {"tokenizer": TOKENIZER.key}
    assert manifest["labels"] == {"size": 70_000, "seed": 0}
    assert manifest["seconds"] == 1.5
    assert list(manifest["files"]) == ["model/model.safetensors"]
    assert manifest["files"]["model/model.safetensors"]["bytes"] == 7


def test_scratch_goes_when_the_stage_ends_and_the_log_stays(store):
    folder = make(store, BASE)
    assert sorted(path.name for path in folder.iterdir()) == ["log.txt", "model", "stage.json"]
    assert not store.partial(BASE).exists()


def test_unfinished_work_is_handed_over_and_no_artifact(store):
    (store.begin(BASE) / "kept.txt").write_text("from the first attempt")
    assert not store.has(BASE)
    assert store.names() == []
    assert (store.begin(BASE) / "kept.txt").read_text() == "from the first attempt"


@pytest.mark.parametrize("step", ["describe", "sync_tree", "replace_file"])
def test_a_crash_while_finishing_leaves_nothing_that_looks_finished(store, monkeypatch, step):
    def crash(*arguments, **settings):
        raise RuntimeError("power cut")

    with monkeypatch.context() as patched:
        patched.setattr(store_module, step, crash)
        with pytest.raises(RuntimeError, match="power cut"):
            make(store, BASE)
    assert store.names() == []
    assert not store.has(BASE)
    assert (store.partial(BASE) / "scratch" / "checkpoint").read_text() == "half"
    assert not store.finish_interrupted(BASE)
    make(store, BASE)
    assert store.damage(BASE) is None


def kill_while_scratch_is_removed(patched):
    def remove(folder, **settings):
        (folder / "checkpoint").unlink()
        raise SystemExit

    patched.setattr(store_module.shutil, "rmtree", remove)


def kill_before_the_folder_is_moved(patched):
    original = Path.replace

    def move(path, to):
        if path.is_dir():
            raise SystemExit
        return original(path, to)

    patched.setattr(Path, "replace", move)


KILLS = [kill_while_scratch_is_removed, kill_before_the_folder_is_moved]


def interrupt(store, monkeypatch, kill):
    with monkeypatch.context() as patched:
        kill(patched)
        with pytest.raises(SystemExit):
            make(store, BASE)


@pytest.mark.parametrize("kill", KILLS)
def test_what_was_killed_after_its_manifest_was_written_needs_no_other_attempt(store, monkeypatch, kill):
    interrupt(store, monkeypatch, kill)
    assert store.names() == []
    assert store.finish_interrupted(BASE)
    assert store.damage(BASE) is None
    assert not (store.path(BASE) / "scratch").exists()
    assert not store.partial(BASE).exists()
    assert not store.finish_interrupted(BASE)


@pytest.mark.parametrize("kill", KILLS)
def test_what_was_killed_after_its_manifest_was_written_and_changed_since_is_not_finished(store, monkeypatch, kill):
    interrupt(store, monkeypatch, kill)
    flip(store.partial(BASE))
    assert not store.finish_interrupted(BASE)
    assert store.names() == []


def test_the_manifest_is_written_after_everything_else_is_on_the_disk(store, monkeypatch):
    done = []

    def watched(name):
        original = getattr(store_module, name)

        def call(path, *arguments, **settings):
            done.append((name, path.name))
            return original(path, *arguments, **settings)

        monkeypatch.setattr(store_module, name, call)

    for name in ("describe", "sync_tree", "replace_file"):
        watched(name)
    make(store, BASE)
    assert done == [
        ("describe", BASE.name),
        ("sync_tree", BASE.name),
        ("replace_file", "stage.json"),
        ("sync_tree", "artifacts"),
    ]


def test_a_manifest_left_in_unfinished_work_does_not_outlive_the_next_attempt(store):
    (store.begin(BASE) / "stage.json").write_text("{}")
    assert not (store.begin(BASE) / "stage.json").exists()


def test_a_file_that_a_killed_process_had_half_written_is_no_part_of_the_artifact(store, monkeypatch):
    folder = store.begin(BASE)
    (folder / ".kept.4711").mkdir()
    (folder / ".kept.4711" / "notes.2024").write_text("a file of the stage's own")

    def killed(self, target):
        raise SystemExit

    with monkeypatch.context() as at_the_rename:
        at_the_rename.setattr(Path, "replace", killed)
        at_the_rename.setattr(Path, "unlink", lambda self, missing_ok=False: None)
        with pytest.raises(SystemExit):
            replace_file(folder / "stage.json", "half of it")
    assert len(list(folder.glob(".stage.json.*"))) == 1
    make(store, BASE)
    assert not [name for name in store.manifest(BASE)["files"] if name.startswith(".stage.json")]
    assert store.damage(BASE) is None
    assert ".kept.4711/notes.2024" in store.manifest(BASE)["files"]


def truncate(folder):
    (folder / "model" / "model.safetensors").write_text("weigh")


def flip(folder):
    (folder / "model" / "model.safetensors").write_text("weightS")


def remove(folder):
    (folder / "model" / "model.safetensors").unlink()


def spoil_manifest(folder):
    (folder / "stage.json").write_text("{")


@pytest.mark.parametrize(
    ("spoil", "file", "problem", "seen_by_sizes"),
    [
        (truncate, "model/model.safetensors", "is not what was written", True),
        (remove, "model/model.safetensors", "is missing", True),
        (flip, "model/model.safetensors", "is not what was written", False),
        (spoil_manifest, "stage.json", "is not what was written", True),
    ],
)
def test_damage_is_found_named_and_set_aside(store, spoil, file, problem, seen_by_sizes):
    spoil(make(store, BASE))
    finding = f"Artifact '{BASE.name}' is damaged: its file '{file}' {problem}. "
    if seen_by_sizes:
        with pytest.raises(UserError, match=re.escape(f"{finding}Make it again with its plan")):
            store.has(BASE)
    else:
        assert store.has(BASE)
    with pytest.raises(UserError) as error:
        store.verify(BASE)
    aside = store.root / "set_aside" / BASE.name
    assert str(error.value) == (
        f"{finding}It was set aside in '{aside}'. Run the same command again with --rebuild to make it again."
    )
    assert aside.is_dir()
    assert not store.path(BASE).exists()


def test_an_artifact_set_aside_is_an_error_until_it_is_made_again(store):
    flip(make(store, BASE))
    with pytest.raises(UserError, match="is damaged"):
        store.verify(BASE)
    with pytest.raises(UserError, match="was damaged and is set aside"):
        store.verify(BASE.name)
    make(store, BASE)
    store.verify(BASE)
    assert store.has(BASE)


def test_damage_twice_is_set_aside_twice(store):
    flip(make(store, BASE))
    first = store.set_aside(BASE)
    flip(make(store, BASE))
    second = store.set_aside(BASE)
    assert first != second
    assert first.is_dir()
    assert second.is_dir()


def test_an_artifact_is_found_by_the_beginning_of_its_name_or_key(store):
    for stage in (BASE, OTHER, TOKENIZER):
        make(store, stage)
    assert store.find(BASE.name) == BASE.name
    assert store.find("tok") == TOKENIZER.name
    assert store.find(OTHER.key[:8]) == OTHER.name
    assert store.find(OTHER.key) == OTHER.name


def test_a_beginning_of_several_names_asks_for_more(store):
    for stage in (BASE, OTHER):
        make(store, stage)
    with pytest.raises(UserError) as error:
        store.find("base")
    first, second = sorted([BASE.name, OTHER.name])
    assert str(error.value) == (
        f"'base' is the beginning of 2 artifacts: {first}, {second}. Give more of the name, or of its twelve digits."
    )


def test_an_unknown_artifact_names_the_nearest(store):
    make(store, TOKENIZER)
    wrong = TOKENIZER.name.replace("tokenizer", "tokeniser")
    with pytest.raises(UserError) as error:
        store.find(wrong)
    assert str(error.value) == (
        f"Store '{store.root}' has no artifact '{wrong}'. Did you mean '{TOKENIZER.name}'? List all 1 with: dormouse ls"
    )
    with pytest.raises(UserError, match="has no artifact ''"):
        store.find("")


def test_one_process_at_a_time_holds_a_stage(store):
    assert not store.is_busy(BASE)
    with store.lock(BASE):
        assert store.is_busy(BASE)
        assert not store.is_busy(OTHER)
        with pytest.raises(Timeout):
            store.lock(BASE).acquire()
    assert not store.is_busy(BASE)


def test_a_failure_is_kept_until_the_stage_finishes(store):
    assert store.failure(BASE) is None
    failure = Failure("it broke", user_error=False, traceback="line 1")
    store.fail(BASE, failure)
    assert store.failure(BASE) == failure
    make(store, BASE)
    assert store.failure(BASE) is None


def test_a_store_that_is_a_file_cannot_be_used(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"Store '.*file' cannot be written to \(Not a directory\). Choose another"):
        Store(tmp_path / "file").prepare()


def test_results_of_an_experiment_have_a_folder(store):
    assert store.run_folder("quickstart") == store.root / "runs" / "quickstart"


def test_damage_is_no_reason_to_take_a_stage_for_unmade(store):
    truncate(make(store, BASE))
    assert store.is_there(BASE)
    assert store.names() == [BASE.name]
    with pytest.raises(UserError) as error:
        store.has(BASE)
    assert str(error.value) == (
        f"Artifact '{BASE.name}' is damaged: its file 'model/model.safetensors' is not what was written. "
        "Make it again with its plan: dormouse run PLAN --rebuild."
    )


def test_an_artifact_that_lost_its_manifest_is_still_listed(store):
    (make(store, BASE) / "stage.json").unlink()
    (store.artifacts / "notes").mkdir()
    assert store.names() == [BASE.name]
    assert store.damage(BASE).problem == "is missing"


def test_what_is_whole_but_holds_a_strangers_file_is_not_set_aside(store):
    folder = make(store, BASE)
    (folder / "model" / "pytorch_model.bin").write_text("?")
    with pytest.raises(UserError, match=r"'model/pytorch_model.bin' of artifact .* was not written with it. Move it"):
        store.verify(BASE)
    assert store.is_there(BASE)
    store.verify(BASE, checksums_up_to=1)  # Nothing will open the folder.


def test_a_place_among_what_is_set_aside_is_never_taken_twice(store):
    make(store, BASE)
    first = store.set_aside(BASE)
    make(store, BASE)
    second = store.set_aside(BASE)
    first.rename(first.with_name("elsewhere"))
    make(store, BASE)
    third = store.set_aside(BASE)
    make(store, BASE)
    assert len({second, third, store.set_aside(BASE)}) == 3
    assert store.set_aside_names() == {BASE.name, "elsewhere"}


def test_a_record_of_a_failure_that_is_damaged_is_a_sentence(store):
    store.fail(BASE, Failure("it broke", user_error=False))
    path = store.root / "failed" / f"{BASE.name}.json"
    path.write_text(path.read_text().replace("broke", "brake"))
    with pytest.raises(UserError) as error:
        store.failure(BASE)
    assert str(error.value) == (
        f"File '{path}' is damaged: it is not what was written. Delete it: it only says why stage '{BASE.name}' failed."
    )
    path.write_text('{\n "kind": "base",\n "massage": "it broke"\n}\n')  # One from before there were checksums.
    with pytest.raises(UserError, match="is damaged: it is not what was written"):
        store.failure(BASE)


def read_only(number=errno.EROFS):
    def fail(path, *arguments, **settings):
        raise OSError(number, os.strerror(number), str(path))

    return fail


def test_whoever_asks_whether_a_stage_is_worked_on_writes_nothing(store, monkeypatch):
    assert not store.is_busy(BASE)
    assert not list((store.root / "locks").iterdir())
    store.lock(BASE).acquire().lock.release()
    monkeypatch.setattr(store_module.FileLock, "acquire", lambda lock, **settings: read_only()(lock.lock_file))
    assert not store.is_busy(BASE)


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot be asked")
@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
def test_a_lock_is_seen_where_nothing_can_be_written(store, monkeypatch, number):
    with store.lock(BASE):
        monkeypatch.setattr(store_module.FileLock, "__enter__", lambda lock: read_only(number)(lock.lock_file))
        assert store.is_busy(BASE)
        assert not store.is_busy(OTHER)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EROFS, "cannot be written to (Read-only file system). Choose another with --store."),
        (errno.EACCES, "cannot be written to (Permission denied). Choose another with --store."),
    ],
)
def test_a_store_is_tried_before_anything_is_made_for_it(store, monkeypatch, number, words):
    monkeypatch.setattr(store_module.tempfile, "TemporaryFile", lambda dir: read_only(number)(dir))
    with pytest.raises(UserError) as error:
        store.prepare()
    assert str(error.value) == f"Store '{store.root}' {words}"


def test_a_full_disk_is_said_before_anything_is_made(store, monkeypatch):
    monkeypatch.setattr(store_module.tempfile, "TemporaryFile", lambda dir: read_only(errno.ENOSPC)(dir))
    with pytest.raises(UserError, match="The disk is full"):
        store.prepare()


@pytest.mark.parametrize("ask", ["names", "set_aside_names"])
def test_a_store_that_is_a_file_holds_nothing_and_says_so(tmp_path, ask):
    (tmp_path / "file").touch()
    store = Store(tmp_path / "file")
    for call in (getattr(store, ask), lambda: store.has(BASE)):
        with pytest.raises(UserError) as error:
            call()
        assert (
            str(error.value) == f"Store '{store.root}' cannot be read (Not a directory). Choose another with --store."
        )


def test_a_store_that_is_not_there_holds_nothing(tmp_path):
    store = Store(tmp_path / "none")
    assert store.names() == []
    assert store.set_aside_names() == set()
    assert not store.has(BASE)
    assert not store.is_busy(BASE)
    assert store.failure(BASE) is None


@pytest.fixture
def stranger():
    """Return a context in which this process has the rights of another user, where it is root; a folder he may see."""
    if os.name == "nt":
        pytest.skip("Windows has other rights")
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)

    @contextlib.contextmanager
    def without_rights(closed, mode):
        closed.chmod(mode)
        before = os.geteuid()
        if before == 0:
            os.seteuid(65534)
        try:
            yield
        finally:
            os.seteuid(before)
            closed.chmod(0o755)

    yield folder, without_rights
    shutil.rmtree(folder)


def test_another_users_store_is_read_like_ones_own_and_refused_for_writing(stranger):
    folder, without_rights = stranger
    store = Store(folder / "store")
    store.prepare()
    make(store, BASE)
    store.fail(OTHER, Failure("It broke.", user_error=True))
    with store.lock(OTHER), without_rights(store.root / "partial", 0o555):
        assert store.names() == [BASE.name]
        assert store.has(BASE)
        assert store.checked(BASE, "model")
        assert store.is_busy(OTHER)
        assert not store.is_busy(BASE)
        assert store.failure(OTHER)
        with pytest.raises(UserError) as error:
            store.prepare()
    assert str(error.value) == (
        f"Store '{store.root}' cannot be written to (Permission denied). Choose another with --store."
    )


def test_a_store_that_may_not_be_looked_into_says_so(stranger):
    folder, without_rights = stranger
    store = Store(folder / "store")
    store.prepare()
    make(store, BASE)
    with without_rights(store.artifacts, 0o000):
        for call in (store.names, lambda: store.has(BASE), lambda: store.is_there(OTHER)):
            with pytest.raises(UserError) as error:
                call()
            assert str(error.value) == (
                f"Store '{store.root}' cannot be read (Permission denied). Choose another with --store."
            )
