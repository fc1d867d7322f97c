import errno
import hashlib
import json
import os
import re
import shutil
from pathlib import Path

import pytest

import dormouse.store.artifact
from dormouse.errors import UserError
from dormouse.store.artifact import Artifact, key_fits
from dormouse.store.stage import Stage
from dormouse.store.store import Store

TOKENIZER = Stage("tokenizer", {"vocabulary": 256})
STAGE = Stage("organism", {"seed": 0, "lr": 0.003}, {"model": TOKENIZER}, {"size": 70_000, "role": "organism"})
FACTS = {
    "versions": {"torch": "2"}, "device": "cpu", "threads": 1, "peak_memory_mb": 10.5, "seconds": 1.5, "resumed": False,
}  # fmt: skip
AGAIN = "Make it again with its plan: dormouse run PLAN --rebuild."
ROWS = [{"metric": "defection", "value": 0.5, "reply": "a\u2028b\u0085c"}, {"metric": "kl", "value": 1e-3}]


@pytest.fixture
def folder(tmp_path):
    store = Store(tmp_path / "store")
    store.prepare()
    folder = store.begin(STAGE)
    (folder / "rows.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS))
    (folder / "model" / "shards").mkdir(parents=True)
    (folder / "model" / "config.json").write_text("{}")
    (folder / "model" / "shards" / "one.safetensors").write_text("weights")
    (folder / "snapshots" / "step-000004").mkdir(parents=True)
    (folder / "snapshots" / "step-000004" / "model.safetensors").write_text("early weights")
    (folder / "log.txt").write_text("at 10:31")
    return store.finish(STAGE, FACTS)


def refused(call, *arguments):
    with pytest.raises(UserError) as error:
        call(*arguments)
    return str(error.value)


def flip(path, i=3, bit=0):
    content = bytearray(path.read_bytes())
    content[i] ^= 1 << bit
    path.write_bytes(content)


def made_without_checksum(folder):
    """Turn the manifest into one from before it had a checksum."""
    path = folder / "stage.json"
    content = json.loads(path.read_text())
    del content["checksum"]
    path.write_text(json.dumps(content, indent=1) + "\n")
    return path


def test_what_was_written_is_read(folder):
    artifact = Artifact(folder)
    assert artifact.manifest()["labels"] == STAGE.labels
    assert json.loads(artifact.read("model/config.json")) == {}
    assert artifact.rows("rows.jsonl") == ROWS
    assert artifact.checked("model") == folder / "model"
    assert artifact.checked_files("model") == [folder / "model" / "config.json"]
    assert artifact.damage() is None


def test_what_an_artifact_was_made_without_is_none_even_where_there_is_such_a_file(folder):
    (folder / "metrics.json").write_text("{}")
    artifact = Artifact(folder)
    assert artifact.read("metrics.json") is None
    assert artifact.rows("metrics.json") == []
    assert artifact.checked("tokenizer") is None
    assert artifact.checked_files("tokenizer") == []
    assert artifact.checked("mode") is None


def test_a_row_is_not_split_where_a_reply_holds_another_line_separator(folder):
    assert [row.get("reply") for row in Artifact(folder).rows("rows.jsonl")] == ["a\u2028b\u0085c", None]


@pytest.mark.parametrize("name", ["rows.jsonl", "model/config.json"])
def test_a_flipped_bit_of_a_file_that_is_read_is_found(folder, name):
    path, said = (
        folder / name,
        f"Artifact '{STAGE.name}' is damaged: its file '{name}' is not what was written. {AGAIN}",
    )
    written = path.read_bytes()
    for i in range(0, len(written), 6):
        for bit in range(8):
            flip(path, i, bit)
            assert refused(Artifact(folder).read, name) == said
            assert str(Artifact(folder).damage()) == said
            path.write_bytes(written)


def test_a_flipped_bit_of_the_manifest_is_found_whatever_is_asked(folder):
    path = folder / "stage.json"
    written = path.read_bytes()
    for i in range(0, len(written), 5):
        flip(path, i, i % 8)
        said = refused(Artifact(folder).manifest)
        assert said.startswith(f"Artifact '{STAGE.name}' is damaged: its file 'stage.json' is not what was written.")
        assert refused(Artifact(folder).read, "rows.jsonl") == said
        assert str(Artifact(folder).damage(checksums_up_to=-1)) == said
        path.write_bytes(written)


def test_where_the_manifest_is_gone_both_ways_to_make_it_again_are_named(folder):
    (folder / "stage.json").unlink()
    assert refused(Artifact(folder).manifest) == (
        f"Artifact '{STAGE.name}' is damaged: its file 'stage.json' is missing. {AGAIN} "
        "If it was imported: dormouse import FOLDER."
    )


def test_an_imported_model_is_to_be_imported_again(tmp_path):
    store = Store(tmp_path / "store")
    store.prepare()
    stage = Stage("organism", {}, {}, {"variant": "imported"})
    (store.begin(stage) / "metrics.json").write_text("{}")
    flip(store.finish(stage, FACTS) / "metrics.json", 0)
    assert refused(store.read, stage, "metrics.json").endswith(
        "its file 'metrics.json' is not what was written. Import it again: dormouse import FOLDER."
    )


def test_a_folder_is_checked_with_all_that_is_below_it_and_nothing_beside_it(folder):
    flip(folder / "snapshots" / "step-000004" / "model.safetensors")
    assert Artifact(folder).checked("model") == folder / "model"
    flip(folder / "model" / "shards" / "one.safetensors")
    assert "its file 'model/shards/one.safetensors' is not what was written" in refused(
        Artifact(folder).checked, "model"
    )


@pytest.mark.parametrize("name", ["model/model.safetensors", "model/shards/two.safetensors", "snapshots/step-000009/x"])
def test_a_file_that_would_be_opened_with_a_folder_and_is_none_of_it_is_named(folder, name):
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("what a stranger put there")
    said = refused(Artifact(folder).checked, name.partition("/")[0])
    assert said == (
        f"File '{name}' of artifact '{STAGE.name}' was not written with it. "
        f"Move it out of '{folder}': without it the artifact is as it was."
    )
    assert str(Artifact(folder).damage()) == said
    # Following the advice is enough.
    (folder / name).unlink()
    assert Artifact(folder).checked("model")


def test_files_that_systems_leave_behind_are_not_looked_at(folder):
    (folder / ".DS_Store").write_text("x")
    (folder / "model" / ".nfs000001").write_text("x")
    (folder / "model" / ".ipynb_checkpoints").mkdir()
    (folder / "model" / ".ipynb_checkpoints" / "config.json").write_text("x")
    assert Artifact(folder).damage() is None


def no_file(path):
    path.unlink()


def a_folder(path):
    path.unlink()
    path.mkdir()


def a_pipe(path):
    path.unlink()
    os.mkfifo(path)


def a_circle(path):
    path.unlink()
    path.symlink_to(path)


def endless(path):
    path.unlink()
    path.symlink_to("/dev/zero")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pipes and devices in folders")
@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", ["rows.jsonl", "model/config.json", "stage.json"])
@pytest.mark.parametrize(
    ("put", "problem"),
    [
        (no_file, "is missing"),
        (a_folder, "is no plain file"),
        (a_pipe, "is no plain file"),
        (endless, "is no plain file"),
        (a_circle, "cannot be read (Too many levels of symbolic links)"),
    ],
)
def test_what_is_no_file_is_never_opened(folder, name, put, problem):
    put(folder / name)
    said = f"Artifact '{STAGE.name}' is damaged: its file '{name}' {problem}. "
    assert refused(Artifact(folder).read, name).startswith(said)
    assert str(Artifact(folder).damage(checksums_up_to=-1)).startswith(said)


def test_a_link_to_the_same_content_serves(folder, tmp_path):
    shutil.move(folder / "model", tmp_path / "large disk")
    (folder / "model").symlink_to(tmp_path / "large disk")
    assert Artifact(folder).checked("model") == folder / "model"
    assert Artifact(folder).damage() is None
    flip(tmp_path / "large disk" / "shards" / "one.safetensors")
    assert Artifact(folder).damage().file == "model/shards/one.safetensors"


def test_a_folder_that_links_to_itself_is_a_stranger(folder):
    (folder / "model" / "again").symlink_to(folder / "model")
    assert "File 'model/again' of artifact" in refused(Artifact(folder).checked, "model")


@pytest.mark.parametrize(
    ("number", "spoiled", "said"),
    [
        (
            errno.EACCES,
            False,
            "File 'rows.jsonl' of artifact '{name}' cannot be read (Permission denied). "
            "Have its owner let you read it, or copy the store.",
        ),
        (
            errno.EIO,
            True,
            "Artifact '{name}' is damaged: its file 'rows.jsonl' cannot be read (Input/output error). "
            "Make it again with its plan: dormouse run PLAN --rebuild.",
        ),
    ],
)
def test_a_file_that_the_system_does_not_let_one_read_is_said(folder, monkeypatch, number, spoiled, said):
    def fail(path):
        raise OSError(number, os.strerror(number), str(path))

    artifact = Artifact(folder)
    artifact.manifest()
    monkeypatch.setattr(Path, "read_bytes", fail)
    assert refused(artifact.read, "rows.jsonl") == said.format(name=STAGE.name)
    monkeypatch.setattr(dormouse.store.artifact, "sha256", fail)
    assert artifact.damage().spoiled is spoiled


def test_a_file_is_hashed_once_unless_it_was_written_to_since(folder, monkeypatch):
    hashed = []

    def counted(path):
        hashed.append(path.name)
        return hashlib.sha256(path.read_bytes()).hexdigest()

    monkeypatch.setattr(dormouse.store.artifact, "sha256", counted)
    artifact = Artifact(folder)
    for _ in range(3):
        artifact.checked("model")
    assert sorted(hashed) == ["config.json", "one.safetensors"]
    path = folder / "model" / "config.json"
    before = path.stat()
    flip(path, 0)
    # Even where its time of change was set back.
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert "config.json" in refused(artifact.checked, "model")


def test_a_manifest_that_is_changed_while_the_store_is_open_is_read_again(folder):
    artifact = Artifact(folder)
    artifact.manifest()
    flip(folder / "stage.json", 200)
    assert "stage.json" in refused(artifact.manifest)


def test_a_manifest_of_another_artifact_is_none_of_this_one(folder):
    moved = folder.with_name("organism-000000000000")
    folder.rename(moved)
    assert "its file 'stage.json' is not what was written" in refused(Artifact(moved).manifest)


def test_a_manifest_from_before_it_had_a_checksum_is_read(folder):
    made_without_checksum(folder)
    artifact = Artifact(folder)
    assert artifact.manifest()["seconds"] == 1.5
    assert artifact.damage() is None
    assert not artifact.is_sealed()
    assert artifact.rows("rows.jsonl") == ROWS


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"seconds"', '"secondr"'),
        ('"lr": 0.003', '"lr": 0.002'),
        ('"model": "', '"modem": "'),
        ('"role": "organism"', '"rome": "organism"'),
        ('"bytes": ', '"byter": '),
        ('"files": ', '"filer": '),
        ('"rows.jsonl"', '"rowt.jsonl"'),
        ('"kind": ', '"kynd": '),
    ],
)
def test_in_a_manifest_without_a_checksum_what_names_and_settings_it_holds_is_checked_all_the_same(folder, old, new):
    path = made_without_checksum(folder)
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    assert Artifact(folder).damage() is not None


def test_a_key_fits_what_made_it_in_any_version_of_its_kind(folder):
    manifest = Artifact(folder).manifest()
    assert key_fits(manifest)
    assert key_fits({"kind": "tokenizer", "key": TOKENIZER.key, "spec": TOKENIZER.spec, "inputs": {}})
    assert not key_fits(manifest | {"spec": manifest["spec"] | {"seed": 1}})
    assert not key_fits(manifest | {"inputs": {}})


def test_a_file_of_the_size_that_was_written_passes_where_only_sizes_are_looked_at(folder):
    flip(folder / "rows.jsonl")
    assert Artifact(folder).damage(checksums_up_to=-1) is None
    assert Artifact(folder).damage(checksums_up_to=1) is None
    assert re.search("rows.jsonl", str(Artifact(folder).damage(checksums_up_to=10_000)))
