import json

import pytest

from dormouse.runs.check import check
from dormouse.store.check import Checked
from dormouse.store.store import Failure, Store
from store_runs import experiment, run, stages


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / "store")
    made.prepare()
    run(made, experiment(tmp_path))
    run(made, experiment(tmp_path), finish=False)
    made.fail(stages(experiment(tmp_path, "helpful.steps=7"))[2], Failure("It broke.", user_error=True))
    return made


def checked(store):
    counts = Checked()
    return list(check(Store(store.root), counts)), counts


def test_all_that_was_written_is_looked_at_and_counted(store):
    found, counts = checked(store)
    assert found == []
    files = [path for path in store.root.rglob("*") if path.is_file() and path.suffix != ".lock"]
    assert counts.files == len(files) - 1  # The table is made again by a report, and has no checksum.
    assert counts.bytes == sum(path.stat().st_size for path in files if path.name != "results.csv")
    assert (counts.artifacts, counts.runs, counts.unsealed) == (len(store.names()), 1, [])


def test_a_flipped_bit_in_any_file_of_the_store_is_found(store):
    paths = [path for path in store.root.rglob("*") if path.is_file() and path.stat().st_size]
    tried = {path.name for path in paths if path.name not in ("results.csv", "log.txt")}
    assert {"stage.json", "rows.jsonl", "plan.yaml", "run.json", "begun.json", "config.json", "examples.jsonl"} <= tried
    for path in {path.name: path for path in paths if path.name in tried}.values():
        written = path.read_bytes()
        path.write_bytes(bytes([written[0] ^ 1]) + written[1:])
        [said] = checked(store)[0]
        assert path.name in said
        path.write_bytes(written)
    assert checked(store)[0] == []


def test_everything_that_is_damaged_is_named(store):
    names = store.names()
    for name in names[:3]:
        (store.path(name) / "metrics.json").write_text("{}")
    (store.path(names[3]) / "more.txt").write_text("")
    (store.artifacts / "a copy of base").mkdir()
    found, _ = checked(store)
    assert len(found) == 5
    assert found[0] == f"'{store.artifacts / 'a copy of base'}' is no artifact: nothing reads it. Move it elsewhere."
    assert all(name in said for name, said in zip(names[:4], found[1:], strict=True))


def test_an_artifact_under_the_key_of_other_settings_is_found(store):
    name = next(name for name in store.names() if name.startswith("tokenizer"))
    path = store.path(name) / "stage.json"
    content = json.loads(path.read_text())
    content["spec"]["vocabulary"] = 4711
    from dormouse.store.sealed import sealed

    del content["checksum"]
    path.write_text(sealed(content))
    assert checked(store)[0] == [
        f"Artifact '{name}' is damaged: its key is not that of the settings in its file 'stage.json'. "
        "Make it again with its plan: dormouse run PLAN --rebuild."
    ]


def test_manifests_from_before_there_were_checksums_are_counted(store):
    name = store.names()[0]
    path = store.path(name) / "stage.json"
    content = json.loads(path.read_text())
    del content["checksum"]
    path.write_text(json.dumps(content | {"resumed": False}, indent=1) + "\n")
    found, counts = checked(store)
    assert found == []
    assert counts.unsealed == [name]


def test_a_store_that_is_not_there_is_in_order(tmp_path):
    found, counts = checked(Store(tmp_path / "none"))
    assert found == []
    assert counts == Checked()
