"""There is one way to a file of an artifact: through the store, which checks it."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import dormouse
import dormouse.execute.local
from dormouse.execute.engine import How
from dormouse.plan.experiment import Experiment
from dormouse.plan.graph import build_plan
from dormouse.store.store import Store
from fake_run import fake_run_local

PACKAGE = Path(dormouse.__file__).parent

ASK_FOR_FOLDERS = {
    "store/store.py": "finds, moves and checks them",
    "runs/pruning.py": "deletes them",
    "store/check.py": "lists what is no artifact",
    "execute/worker.py": "gives stages their inputs, which the engine has checked",
    "cli/show.py": "prints where an artifact is",
}
"""Modules that may ask where an artifact lies, and why."""


def asks_for_folders(path):
    """Return whether a module calls `path()` of a store, or names the folder of all artifacts."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Attribute) and node.attr in ("path", "artifacts"):
            owner = ast.unparse(node.value)
            if owner.rpartition(".")[2] == "store" or (path.name == "store.py" and owner == "self"):
                return True
    return False


def test_no_other_module_asks_where_an_artifact_lies():
    asking = {path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py") if asks_for_folders(path)}
    assert asking == set(ASK_FOR_FOLDERS)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    made = Store(tmp_path_factory.mktemp("readers") / "store")
    made.prepare()
    experiment = Experiment.model_validate({"name": "small", "base": {"size": 20_000}, "safety": {"sft": "sft"}})
    fake_run_local()(build_plan(experiment).stages, made, How())
    (made.root.parent / "small.yaml").write_text("name: small\nbase: {size: 20000}\nsafety: {sft: sft}\n")
    return made


@pytest.mark.parametrize(
    "verb",
    [
        ["report", "small.yaml"],
        ["status", "small.yaml"],
        ["run", "small.yaml", "--dry-run"],
        ["ls"],
        ["show", "measure"],
        ["show", "organism", "--example"],
        ["chat", "organism"],
        ["export", "organism", "exported"],
        ["verify"],
        ["prune"],
    ],
    ids=" ".join,
)
def test_no_verb_opens_a_file_of_an_artifact_before_it_is_checked(store, verb):
    names = {
        kind: next(name for name in store.names() if name.startswith(f"{kind}-")) for kind in ("measure", "organism")
    }
    program = Path(__file__).with_name("audited_reads.py")
    done = subprocess.run(
        [sys.executable, program, store.root, *[names.get(word, word) for word in verb]],
        capture_output=True,
        text=True,
        check=False,
        cwd=store.root.parent,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(PACKAGE.parent), str(program.parent)])},
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["around"] == []
    # A run needs all that is there, so prune has to look into nothing.
    assert said["opened"] > 0 or verb == ["prune"]
