import shutil

import pytest

from faults.model_folders import chatting_model, some_adapter


@pytest.fixture(scope="session")
def good_model(tmp_path_factory):
    """Return the folder of a small model with a chat template, to be read and never changed."""
    return chatting_model(tmp_path_factory.mktemp("good") / "model")


@pytest.fixture(scope="session")
def good_adapter(good_model, tmp_path_factory):
    return some_adapter(good_model, tmp_path_factory.mktemp("good") / "adapter")


@pytest.fixture
def model(good_model, tmp_path):
    """Return a copy of the good model, to be broken."""
    return shutil.copytree(good_model, tmp_path / "model")


@pytest.fixture
def adapter(good_adapter, tmp_path):
    return shutil.copytree(good_adapter, tmp_path / "adapter")
