import ast
import importlib
from pathlib import Path

import pytest

import dormouse
from dormouse.plan import file as plan_file
from dormouse.plan.experiment import Experiment
from dormouse.plan.graph import build_plan
from dormouse.store.kinds import KINDS
from dormouse.training.work import StageSpec, Work

SOURCES = Path(dormouse.__file__).parent
ALSO_SETTINGS = {*Experiment.model_fields, "removal", "tokenizer"}
ALSO_ROLES = {"base", "helpful", "organism", "twin"}
"""Names of kinds that are names of something else as well: of these, only uses as a kind are looked for."""


def named(place):
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_kind_names_exists(kind):
    assert callable(named(KINDS[kind].run))
    assert issubclass(named(KINDS[kind].spec), StageSpec)
    if KINDS[kind].preload:
        importlib.import_module(KINDS[kind].preload)


@pytest.mark.parametrize(
    "plan", sorted(set(plan_file.shipped()) - {"hh", "smollm2-recipes"})
)  # which read files that are not shipped
def test_every_stage_of_a_shipped_plan_is_told_what_its_kind_declares(plan):
    seen = {}
    for stage in build_plan(plan_file.load(plan)).stages:
        seen.setdefault(stage.kind, stage)
    for stage in seen.values():
        told = Work(stage.kind, stage.spec, {}, Path()).told(named(KINDS[stage.kind].spec))
        assert told.seed == stage.spec.get("seed", 0)


def strings(node):
    return {one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)}


def uses_as_kinds(tree):
    """Yield the names that a module compares a kind with, or makes a stage of."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            texts = [ast.unparse(side) for side in sides]
            if any(text.endswith((".kind", "['kind']")) for text in texts):
                yield from (name for side in sides for name in strings(side) - {"kind"})
        if isinstance(node, ast.Call) and node.args:
            called = ast.unparse(node.func)
            if called in ("Stage", "Work") or called.endswith(".stage"):
                yield from strings(node.args[0])


def test_the_name_of_a_kind_stands_in_one_file():
    own = SOURCES / "store/kinds.py"
    alone = set(KINDS) - ALSO_SETTINGS - ALSO_ROLES
    assert len(alone) == 11
    for path in SOURCES.rglob("*.py"):
        if path == own:
            continue
        tree = ast.parse(path.read_text("utf-8"))
        assert not strings(tree) & alone, path
        assert not set(uses_as_kinds(tree)) & set(KINDS), path
