import json
import re
from pathlib import Path
from unittest.mock import ANY

import pytest
from filelock import Timeout

from dormouse import store as store_module
from dormouse.artifact_files import replace_file
from dormouse.errors import UserError
from dormouse.stage import Stage
from dormouse.store import Failure, Store

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
    make(store, BASE)
    assert store.damage(BASE) is None


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
