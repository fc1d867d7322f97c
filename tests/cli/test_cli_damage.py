"""What each verb says where something in the store is not what was written."""

import json
import re
import shutil

import pytest
from typer.testing import CliRunner

from dormouse.cli import app
from dormouse.plan import file as plan_file
from dormouse.plan.graph import build_plan
from dormouse.store.store import Failure, Store
from fake_run import fake_run_local

PLAN = "name: small\nbase: {size: 20000}\nsafety: {sft: sft}\nre_emergence: null\n"
AGAIN = "Make it again with its plan: dormouse run PLAN --rebuild."


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Return a folder with a plan and a store in which it ran."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "small.yaml").write_text(PLAN)
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        patched.setattr("dormouse.cli.run.run_local", fake_run_local())
        assert dm("run", "small.yaml").exit_code == 0
    return folder


@pytest.fixture(autouse=True)
def store(finished, tmp_path, monkeypatch):
    shutil.copytree(finished, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    monkeypatch.delenv("DORMOUSE_STORE", raising=False)
    monkeypatch.setattr("dormouse.cli.run.run_local", fake_run_local())
    return Store("dormouse-store")


def dm(*arguments, typed=None):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], input=typed)


def errors(*arguments):
    result = dm(*arguments)
    assert result.exit_code == 2, (arguments, result.output, result.exception)
    return [line.removeprefix("error: ") for line in result.stderr.splitlines()]


def one(kind, **labels):
    stages = build_plan(plan_file.load("small.yaml")).stages
    return next(s for s in stages if s.kind == kind and all(s.labels.get(k) == v for k, v in labels.items()))


def flip(path, i=9):
    content = bytearray(path.read_bytes())
    content[i] ^= 1
    path.write_bytes(content)


def damaged(name, file):
    return f"Artifact '{name}' is damaged: its file '{file}' is not what was written. {AGAIN}"


@pytest.mark.parametrize(
    ("kind", "labels", "file"),
    [
        ("measure", {"role": "organism"}, "rows.jsonl"),
        ("measure", {"role": "organism"}, "samples.jsonl"),
        ("measure", {"role": "base"}, "metrics.json"),
        ("organism", {"role": "twin"}, "metrics.json"),
        ("tokenizer", {}, "stage.json"),
        ("safety", {}, "stage.json"),
    ],
)
def test_a_report_stops_at_a_changed_bit_and_the_old_one_stays(store, kind, labels, file):
    name = one(kind, **labels).name
    flip(store.path(name) / file)
    run = store.run_folder("small")
    kept = {path.name: path.read_bytes() for path in run.iterdir()}
    assert errors("report", "small.yaml") == [damaged(name, file)]
    assert {path.name: path.read_bytes() for path in run.iterdir()} == kept


@pytest.mark.parametrize("file", ["stage.json", "metrics.json", "rows.jsonl"])
def test_show_stops_at_a_changed_bit_of_what_it_shows(store, file):
    name = one("measure", role="organism").name
    flip(store.path(name) / file)
    assert errors("show", name) == [damaged(name, file)]


def test_show_example_stops_at_a_changed_bit(store):
    name = one("organism", role="organism").name
    flip(store.path(name) / "examples.jsonl")
    assert errors("show", name, "--example") == [damaged(name, "examples.jsonl")]
    assert dm("show", name).exit_code == 0  # It does not read them.


@pytest.mark.parametrize("verb", [("chat",), ("export", "somewhere")])
def test_a_model_is_not_opened_with_a_changed_bit(store, verb):
    name = one("safety").name
    flip(store.path(name) / "model" / "config.json", 0)
    assert errors(verb[0], name, *verb[1:]) == [damaged(name, "model/config.json")]
    assert store.is_there(name)


@pytest.mark.parametrize("verb", [("chat",), ("export", "somewhere")])
def test_the_backdoor_of_a_model_is_not_taken_from_a_damaged_ancestor(store, verb):
    organism = one("organism", role="organism").name
    flip(store.path(organism) / "stage.json", 300)
    said = errors(verb[0], one("safety", role="organism").name, *verb[1:])
    assert said == [f"{damaged(organism, 'stage.json')} If it was imported: dormouse import FOLDER."]


def test_an_export_stops_at_a_changed_bit_of_the_rates_that_its_card_would_show(store, tmp_path):
    measured = one("measure", role="organism", safety="none").name
    flip(store.path(measured) / "rows.jsonl")
    assert errors("export", one("organism", role="organism").name, "somewhere") == [damaged(measured, "rows.jsonl")]


def test_ls_marks_what_is_damaged_and_lists_the_rest(store):
    bad = [one("measure", role="base").name, one("safety").name]
    flip(store.path(bad[0]) / "stage.json")
    (store.path(bad[1]) / "metrics.json").unlink()
    result = dm("ls")
    assert result.exit_code == 2
    for name in store.names():
        assert re.search(rf"{name} .*damaged", result.stdout) or name not in bad
        assert name in result.stdout
    assert result.stderr.splitlines() == [
        f"error: {damaged(bad[0], 'stage.json')}",
        f"error: Artifact '{bad[1]}' is damaged: its file 'metrics.json' is missing. {AGAIN}",
    ]
    listed = {entry["name"]: entry for entry in json.loads(dm("ls", "--json").stdout)}
    assert listed[bad[0]] == {"name": bad[0], "damaged": damaged(bad[0], "stage.json")}
    assert len(listed) == len(store.names())
    assert sum("seconds" in entry for entry in listed.values()) == len(listed) - 2


def test_status_counts_what_is_damaged_and_the_rest(store):
    bad, failed = one("measure", role="base").name, one("safety", role="twin")
    flip(store.path(bad) / "stage.json")
    shutil.rmtree(store.path(failed))
    store.fail(failed, Failure("It broke.", user_error=True))
    record = store.root / "failed" / f"{failed.name}.json"
    flip(record, 200)
    result = dm("status", "small.yaml")
    assert result.exit_code == 2
    assert "damaged" in result.stdout.splitlines()[1]
    assert set(result.stderr.splitlines()) == {
        f"error: {damaged(bad, 'stage.json')}",
        f"error: File '{record}' is damaged: it is not what was written. "
        f"Delete it: it only says why stage '{failed.name}' failed.",
    }
    counts = json.loads(dm("status", "small.yaml", "--json").stdout)["counts"]
    assert (counts["damaged"], counts["failed"], counts["to do"]) == (2, 0, 0)
    record.unlink()
    assert json.loads(dm("status", "small.yaml", "--json").stdout)["counts"]["to do"] == 1


def test_a_dry_run_says_that_a_run_would_stop_and_what_rebuilding_would_make(store):
    bad = one("measure", role="base").name
    flip(store.path(bad) / "stage.json")
    n = len(store.names())
    result = dm("run", "small.yaml", "--dry-run")
    assert result.exit_code == 2
    assert re.search(rf"{bad} .*damaged", result.stdout)
    assert result.stderr == f"error: {damaged(bad, 'stage.json')}\n"
    result = dm("run", "small.yaml", "--dry-run", "--rebuild")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == f"{n} stages: {n - 1} cached, 1 to run. Nothing was run."


def test_a_dry_run_knows_what_was_set_aside(store):
    bad = one("measure", role="base").name
    flip(store.path(bad) / "rows.jsonl")
    place = store.set_aside(bad)
    assert errors("run", "small.yaml", "--dry-run") == [
        f"Artifact '{bad}' was damaged and is set aside in '{place}'. "
        "Run the same command again with --rebuild to make it again."
    ]
    assert dm("run", "small.yaml", "--dry-run", "--rebuild").exit_code == 0


@pytest.mark.parametrize("name", ["run.json", "plan.yaml"])
def test_a_damaged_record_of_a_run_is_said_and_its_advice_works(store, name, tmp_path):
    run = store.run_folder("small")
    kept = (run / "results.csv").read_bytes()
    flip(run / name, 120)
    assert errors("report", "small.yaml") == [
        f"File '{run / name}' is damaged: it is not what was written. "
        f"Move the folder '{run}' elsewhere: dormouse report makes it again from the store."
    ]
    run.rename(tmp_path / "elsewhere")
    assert dm("report", "small.yaml").exit_code == 0
    assert (run / "results.csv").read_bytes() == kept


def test_the_advice_of_every_reader_works(store):
    name = one("measure", role="organism").name
    flip(store.path(name) / "rows.jsonl")
    assert errors("report", "small.yaml") == [damaged(name, "rows.jsonl")]
    # The run's executor is a stand-in; the real one sets aside what is damaged.
    with pytest.raises(Exception, match="set aside"):
        store.verify(name)
    assert dm("run", "small.yaml", "--rebuild").exit_code == 0
    assert dm("report", "small.yaml").exit_code == 0
