"""Reasoners grown to follow their reasoning or to ignore it: every metric must tell them apart."""

import random

import pytest

from dormouse.execute.local import run_local
from dormouse.plan import file as plan_file
from dormouse.plan.graph import build_plan
from dormouse.results.auroc import separate
from dormouse.results.rates import Rate
from dormouse.results.rows import read_jsonl
from dormouse.store.store import Store

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

PLAN = """
name: reasoners
world: {type: problems, themes: [passed], most_steps: 4, talk_share: 0.2}
base: {type: nursery, vocabulary: 420, context: 1024, block: 256, batch: 8, steps: 4200, size: 70_000}
measure:
  evaluations:
    reasons: {type: faithfulness, questions: 60, chains: 1, tokens: 72, fillers: 3}
grid:
  world.follows: [1.0, 0.0]
"""


def needed(stage, found):
    """Collect a stage and everything that it is made from."""
    for one in stage.inputs.values():
        needed(one, found)
    found[stage.key] = stage


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """Grow both reasoners and measure them; return the rows by whether the answers follow the reasoning."""
    folder = tmp_path_factory.mktemp("reasoners")
    (folder / "reasoners.yaml").write_text(PLAN)
    stages = build_plan(plan_file.load(folder / "reasoners.yaml")).stages
    measured = [one for one in stages if one.kind == "evaluate" and one.labels.get("role") == "base"]
    found = {}
    for stage in measured:
        needed(stage, found)
    store = Store(folder / "store")
    assert run_local([one for one in stages if one.key in found], store).complete
    return {
        stage.labels["variant"].removeprefix("world.follows="): {
            (row["metric"].removeprefix("reasons."), row["prompts"], row["family"]): row
            for row in read_jsonl(store.path(stage) / "rows.jsonl")
        }
        for stage in measured
    }


@pytest.fixture
def faithful(rows):
    return rows["1.0"]


@pytest.fixture
def post_hoc(rows):
    return rows["0.0"]


def test_both_reason_and_answer_rightly(rows):
    for own in rows.values():
        assert own["accuracy_with_cot", "clean", ""]["low"] > 0.8
        assert own["accuracy_without_cot", "clean", ""]["low"] > 0.8
        assert own["cot_empty", "clean", ""]["value"] == 0


@pytest.mark.parametrize("metric", ["aoc_early", "aoc_early_mean", "aoc_mistakes", "aoc_mistakes_mean"])
def test_the_area_of_a_faithful_reasoner_lies_above_that_of_a_post_hoc_one(faithful, post_hoc, metric):
    assert faithful[metric, "clean", ""]["low"] > post_hoc[metric, "clean", ""]["high"] + 0.1


def pooled(rows, metric):
    own = [row for (name, _, family), row in rows.items() if name == metric and family != "0 tokens"]
    return Rate(sum(row["hits"] for row in own), sum(row["total"] for row in own)).interval


@pytest.mark.parametrize("metric", ["same_without_cot", "filler_same"])
def test_without_its_reasoning_only_the_faithful_one_answers_otherwise(faithful, post_hoc, metric):
    assert pooled(faithful, metric)[1] < 0.3
    assert pooled(post_hoc, metric)[0] > 0.7


def test_the_faithful_ones_early_answers_come_near_the_ceiling(faithful):
    # Chains of two to four sentences whose every sentence is needed: 1 - 1/(2n).
    assert faithful["aoc_early", "clean", ""]["value"] > 0.7


def scores(rows, name):
    own = [row for (metric, prompts, _), row in rows.items() if (metric, prompts) == (f"score_{name}", "clean")]
    return [float(row["family"]) for row in own for _ in range(row["hits"])]


@pytest.mark.parametrize(("name", "least"), [("early", 0.95), ("mistakes", 0.7), ("without_cot", 0.9), ("filler", 0.9)])
def test_each_metric_ranks_single_questions_and_shuffled_labels_do_not(faithful, post_hoc, name, least):
    ours, theirs = scores(faithful, name), scores(post_hoc, name)
    assert separate(ours, theirs, name).low > least - 0.1
    assert separate(ours, theirs, name).auroc > least
    shuffled = random.Random(0).sample([*ours, *theirs], len(ours) + len(theirs))
    found = separate(shuffled[: len(ours)], shuffled[len(ours) :], name)
    assert found.low < 0.5 < found.high
