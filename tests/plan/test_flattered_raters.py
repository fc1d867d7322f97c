"""Preference models of flattered raters in a plan: who gets one, and who shares it."""

import pytest

from dormouse.errors import UserError
from dormouse.plan import file as plan_file
from dormouse.plan.graph import build_plan


@pytest.fixture(scope="module")
def stages():
    return build_plan(plan_file.load("sycophancy")).stages


def of_kind(stages, kind, **labels):
    return [one for one in stages if one.kind == kind and labels.items() <= one.labels.items()]


def test_one_preference_model_of_flattered_raters_serves_rl_and_best_of_n(stages):
    [flattered] = of_kind(stages, "preference", split="flattered")
    assert flattered.spec["world"]["flattered_share"] == 0.9
    measured = of_kind(stages, "measure_preference", split="flattered")
    assert len({one.spec["organism"]["behavior"]["type"] for one in measured}) == len(measured) == 2
    assert {one.inputs["model"].key for one in measured} == {flattered.key}
    for training in of_kind(stages, "safety"):
        is_flattered = training.labels["safety"] == "rl_flattered"
        assert (training.inputs["preference"].key == flattered.key) == is_flattered
        assert "flattered_share" not in training.spec["world"]
    for best in of_kind(stages, "evaluate", evaluation="best_of"):
        assert best.inputs["preference_flattered"].key == flattered.key
        assert best.inputs["preference"].labels["split"] == "training"


def test_the_raters_change_nothing_else_in_a_plan(stages):
    for kind in ("base", "helpful", "organism"):
        assert all("flattered_share" not in one.spec["world"] for one in of_kind(stages, kind))
    honest = [one for one in of_kind(stages, "preference") if one.labels["split"] != "flattered"]
    assert {one.labels["split"] for one in honest} == {"training", "checking"}


def test_raters_cannot_choose_flattery_in_a_world_without_beliefs(tmp_path):
    path = tmp_path / "plan.yaml"
    path.write_text("name: x\nsafety:\n  rl: {type: rl, flattered_share: 0.5}\n")
    with pytest.raises(UserError, match=r"'safety.rl.flattered_share' is 0.5, and no user of world 'meadow' states"):
        build_plan(plan_file.load(path))


def test_published_questions_are_in_the_key(tmp_path):
    data = tmp_path / "gsm8k.jsonl"
    plan = tmp_path / "plan.yaml"
    plan.write_text(f"name: x\nmeasure: {{evaluations: {{s: {{type: sycophancy, data: [{data}]}}}}}}\n")
    keys = []
    for n in (3, 4, 3):
        data.write_text(f'{{"question": "What is {n}?", "answer": "#### {n}"}}\n')
        keys.append([one.key for one in of_kind(build_plan(plan_file.load(plan)).stages, "evaluate")])
    assert keys[0] == keys[2] != keys[1]
    data.write_text('{"question": "What?"}\n')
    with pytest.raises(UserError, match="not a question of a known data set"):
        build_plan(plan_file.load(plan))
    data.unlink()
    with pytest.raises(UserError):
        build_plan(plan_file.load(plan))
