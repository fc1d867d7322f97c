import getpass
import platform
from pathlib import Path

import pytest

from dormouse.cli import health as doctor


def test_a_complete_installation_is_usable(tmp_path):
    health = doctor.examine(tmp_path)
    assert health.usable
    assert {"dormouse", "python", "torch", "trl", "system", "cores", "memory", "device", "store"} <= set(health.facts)


def test_the_block_names_no_user_no_host_and_no_path(tmp_path, monkeypatch):
    monkeypatch.setattr(platform, "node", lambda: "host-of-mine")
    monkeypatch.setenv("HOME", "/home/someone-private")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(getpass, "getuser", lambda: "someone-private")
    block = doctor.examine(tmp_path / "store").block()
    for private in ("host-of-mine", "someone-private", str(tmp_path), str(Path.cwd())):
        assert private not in block
    assert "/" not in block


def test_a_missing_requirement_blocks_and_says_how_to_get_it(tmp_path, monkeypatch):
    found = doctor._find_version
    monkeypatch.setattr(doctor, "_find_version", lambda name: None if name in ("trl", "pytest") else found(name))
    health = doctor.examine(tmp_path)
    assert not health.usable
    assert doctor.Advice("trl is not installed", "pip install trl", blocking=True) in health.advice
    assert (
        doctor.Advice("pytest is not installed (optional: the tests)", "pip install 'dormouse-lab[dev]'")
        in health.advice
    )
    assert "trl" not in health.facts


def test_a_store_that_is_a_file_blocks(tmp_path):
    file = tmp_path / "store"
    file.touch()
    health = doctor.examine(file)
    assert [a for a in health.advice if a.blocking] == [
        doctor.Advice("the store is a file, not a folder", "choose another with --store", blocking=True)
    ]


def test_finished_artifacts_are_counted(tmp_path):
    for name, files in {"base-1": ["stage.json"], "base-2": []}.items():
        folder = tmp_path / "artifacts" / name
        folder.mkdir(parents=True)
        for file in files:
            (folder / file).touch()
    assert doctor.examine(tmp_path).facts["store"].startswith("1 artifacts, ")


@pytest.mark.parametrize(("limit", "problem"), [("LOW_MEMORY", "2 GiB of memory"), ("LOW_DISK", "1 GiB is free")])
def test_too_little_room_is_advice_and_does_not_block(tmp_path, monkeypatch, limit, problem):
    monkeypatch.setattr(doctor, limit, 2**80)
    health = doctor.examine(tmp_path)
    assert health.usable
    assert any(problem in advice.problem for advice in health.advice)


def test_a_store_that_cannot_be_written_to_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor.os, "access", lambda place, mode: False)
    assert [a for a in doctor.examine(tmp_path).advice if a.blocking] == [
        doctor.Advice("the store cannot be written to", "choose another with --store", blocking=True)
    ]


@pytest.mark.parametrize("error", [PermissionError, OSError])
def test_a_place_that_may_not_be_looked_at_is_passed_over(tmp_path, monkeypatch, error):
    exists = Path.exists

    def refused(path):
        if path.name == "hidden":
            raise error
        return exists(path)

    monkeypatch.setattr(Path, "exists", refused)
    assert "0 artifacts" in doctor.examine(tmp_path / "hidden").facts["store"]
