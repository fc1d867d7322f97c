"""A zoo of four pairs, made once: exported blind, to be read and never changed."""

import shutil
from pathlib import Path

import pytest

from dormouse.zoo.export import export
from zoo.made_zoo import experiment, made_store


@pytest.fixture(scope="session")
def plan():
    return experiment()


@pytest.fixture(scope="session")
def store(plan, tmp_path_factory):
    return made_store(tmp_path_factory.mktemp("zoo") / "store", plan)


@pytest.fixture(scope="session")
def labels_file(tmp_path_factory):
    return tmp_path_factory.mktemp("withheld") / "labels.json"


@pytest.fixture(scope="session")
def folder(plan, store, labels_file, tmp_path_factory) -> Path:
    target = tmp_path_factory.mktemp("blind") / "challenge"
    export(plan, store, target, labels_file)
    return target


@pytest.fixture
def own_folder(folder, tmp_path) -> Path:
    """A copy of the zoo, to be damaged."""
    return shutil.copytree(folder, tmp_path / "challenge")
