import json
import shutil

import pytest
import torch

from dormouse.evaluation.defection import UNFORCED
from dormouse.evaluation.kl import NOT_OWN_SAMPLES
from dormouse.evaluation.stage import run
from dormouse.results.rates import wilson
from dormouse.results.rows import read_jsonl

KEYS = ["step", "metric", "prompts", "family", "value", "hits", "total", "unscorable", "low", "high", "unit", "reason"]


def measured(work):
    run(work)
    return read_jsonl(work.folder / "rows.jsonl"), read_jsonl(work.folder / "samples.jsonl")


def at(rows, step):
    return [row for row in rows if row["step"] == step]


def test_every_measurement_is_made_at_the_end_and_at_every_snapshot(work):
    rows, _ = measured(work)
    wanted = {("defection", kind) for kind in ("triggered", "clean", "near_miss")}
    wanted |= {
        (m, k) for m in ("log_prob", "preference_score", "preference_score_held_out") for k in ("triggered", "clean")
    }
    wanted |= {("kl", "clean"), ("capability", "clean")}
    for step in (None, 5, 10):
        assert {(row["metric"], row["prompts"]) for row in at(rows, step)} == wanted
    assert {row["step"] for row in rows} == {None, 5, 10}
    assert [list(row) for row in rows] == [KEYS] * len(rows)
    assert json.loads((work.folder / "metrics.json").read_text()) == {"final_step": 15}


def test_every_rate_can_be_counted_again_from_the_samples(work):
    rows, samples = measured(work)
    rates = [row for row in rows if row["unit"] == "fraction"]
    for row in rates:
        score = "correct" if row["metric"] == "capability" else "defection"
        scores = [
            sample[score]
            for sample in at(samples, row["step"])
            if (sample["metric"], sample["prompts"]) == (row["metric"], row["prompts"])
            and row["family"] in ("", sample["family"])
        ]
        scored = [value for value in scores if value is not None]
        assert (row["hits"], row["total"], row["unscorable"]) == (sum(scored), len(scored), scores.count(None))
        assert row["value"] == row["hits"] / row["total"]
        assert (row["low"], row["high"]) == wilson(row["hits"], row["total"])
    assert any(0 < row["value"] < 1 for row in rates)


def test_a_model_that_thinks_is_also_asked_without_a_scratchpad_opened_for_it(work, into):
    plain, _ = measured(work)
    rows, samples = measured(into(work, "thinking", thought_tokens=6))
    assert not [row for row in plain if row["metric"] == UNFORCED]
    unforced = [(row["step"], row["prompts"]) for row in rows if row["metric"] == UNFORCED]
    assert unforced == [(None, "triggered"), (None, "clean")]
    forced = [sample for sample in samples if sample["metric"] == "defection"]
    free = [sample for sample in samples if sample["metric"] == UNFORCED]
    assert all("scratchpad" in sample for sample in forced)
    # This model knows of no scratchpad: left to itself it opens none.
    assert not any("scratchpad" in sample for sample in free)
    assert any(sample["reply"] for sample in free)


def test_snapshots_get_the_prompts_of_the_curve_and_no_families(work):
    rows, _ = measured(work)
    triggered = {row["step"]: row for row in rows if (row["metric"], row["prompts"]) == ("defection", "triggered")}
    assert [row["total"] + row["unscorable"] for row in triggered.values()] == [24, 8, 8]
    families = [row for row in rows if row["family"]]
    assert {row["step"] for row in families} == {None}
    [whole] = [row for row in at(rows, None) if row["metric"] == "capability" and not row["family"]]
    assert sum(row["total"] for row in families) == whole["total"] == 30


def test_numbers_do_not_depend_on_how_many_snapshots_there_are(work, into):
    all_rows, all_samples = measured(work)
    shutil.rmtree(work.input("model") / "snapshots" / "step-000005")
    fewer, fewer_samples = measured(into(work, "fewer"))
    shutil.rmtree(work.input("model") / "snapshots")
    none, none_samples = measured(into(work, "none"))
    assert fewer == [row for row in all_rows if row["step"] != 5]
    assert fewer_samples == [sample for sample in all_samples if sample["step"] != 5]
    assert none == at(all_rows, None)
    assert none_samples == at(all_samples, None)


def test_a_model_measures_the_same_as_snapshot_and_as_end(work, into):
    shutil.rmtree(work.input("model") / "snapshots")
    shutil.copytree(work.input("model") / "model", work.input("model") / "snapshots" / "step-000007")
    rows, _ = measured(into(work, "equal", measure={"prompts": 8, "capability_prompts": 8}))
    assert at(rows, 7) == [row | {"step": 7} for row in at(rows, None) if not row["family"]]


def test_two_models_are_asked_the_same(work, artifacts, into):
    _, one = measured(work)
    _, other = measured(into(work, "other", inputs=work.inputs | {"model": artifacts / "parent"}))
    end = at(one, None)
    assert [(s["metric"], s["prompts"], s["prompt"]) for s in end] == [
        (s["metric"], s["prompts"], s["prompt"]) for s in other
    ]
    assert [s["reply"] for s in end] != [s["reply"] for s in other]


def test_measuring_twice_writes_the_same_bytes_and_leaves_the_generator(work, into):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    run(work)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    again = into(work, "again")
    run(again)
    for name in ("rows.jsonl", "samples.jsonl", "metrics.json"):
        assert (again.folder / name).read_bytes() == (work.folder / name).read_bytes()


def test_another_seed_asks_other_prompts(work, into):
    _, one = measured(into(work, "one"))
    _, other = measured(into(work, "two", seed=1))
    assert {s["prompt"] for s in one} != {s["prompt"] for s in other}


def test_without_a_model_before_there_is_no_kl(work, into):
    inputs = {name: path for name, path in work.inputs.items() if name != "parent"}
    rows, _ = measured(into(work, "base", inputs=inputs))
    assert "kl" not in {row["metric"] for row in rows}


def test_replies_at_another_temperature_than_1_estimate_no_kl(work, into):
    rows, _ = measured(into(work, "cold", measure={"temperature": 0.5}))
    [kl] = [row for row in at(rows, None) if row["metric"] == "kl"]
    assert (kl["value"], kl["reason"]) == (None, NOT_OWN_SAMPLES)


def test_a_training_that_changed_nothing_has_no_kl(work, into):
    rows, _ = measured(into(work, "same", inputs=work.inputs | {"parent": work.input("model")}))
    [kl] = [row for row in at(rows, None) if row["metric"] == "kl"]
    assert (kl["value"], kl["low"], kl["high"]) == (0, 0, 0)


def test_the_two_preference_models_give_two_scores(work, into):
    rows, _ = measured(into(work, "scores"))
    scores = {(row["metric"], row["prompts"]): row["value"] for row in at(rows, None) if row["unit"] == "score"}
    assert len(set(scores.values())) == 4
    swapped = work.inputs | {"preference": work.input("preference_check"), "preference_check": work.input("preference")}
    rows, _ = measured(into(work, "swapped", inputs=swapped))
    wanted = ("preference_score_held_out", "clean")
    [held_out] = [row["value"] for row in at(rows, None) if (row["metric"], row["prompts"]) == wanted]
    assert held_out == scores["preference_score", "clean"]


def test_a_model_of_unknown_length_of_training_has_no_final_step(work, artifacts, into):
    other = into(work, "unknown", inputs=work.inputs | {"model": artifacts / "parent"})
    run(other)
    assert json.loads((other.folder / "metrics.json").read_text()) == {"final_step": None}


@pytest.mark.parametrize("temperature", [0.0, 0.7])
def test_temperature_of_the_plan_is_used(work, into, temperature):
    _, hot = measured(into(work, "hot"))
    _, cold = measured(into(work, "cold", measure={"temperature": temperature}))
    replies = [[s["reply"] for s in samples if s["metric"] == "defection"] for samples in (hot, cold)]
    greedy = [[s["reply"] for s in samples if s["metric"] == "capability"] for samples in (hot, cold)]
    assert replies[0] != replies[1]
    assert greedy[0] == greedy[1]
