import json
import shutil
from collections import Counter

import pytest

from dormouse.data.world import Prompt
from dormouse.evaluation import stage
from dormouse.evaluation.red_team_prompts import NOTHING_FOUND, repeated
from dormouse.results.rates import wilson
from dormouse.results.rows import read_jsonl

PROMPTS = [[{"role": "user", "content": f"prompt {i}"}] for i in range(5)]
READ = [Prompt.user(f"prompt {i}", "") for i in range(5)]


def found(folder, seen, held_out):
    folder.mkdir()
    splits = [("seen", prompt) for prompt in seen] + [("held_out", prompt) for prompt in held_out]
    lines = [
        json.dumps(
            {
                "messages": prompt,
                "family": "",
                "split": split,
                "hits": 3,
                "replies": 10,
                "proposer": "grammar",
                "round": 0,
            }
        )
        for split, prompt in splits
    ]
    (folder / "prompts.jsonl").write_text("".join(f"{line}\n" for line in lines))
    return folder


@pytest.fixture
def measured(work, tmp_path, into):
    def run(seen, held_out, name="red", **settings):
        red_team = found(tmp_path / f"{name}-prompts", seen, held_out)
        inputs = {"model": work.input("model"), "red_team": red_team}
        made = into(work, name, inputs=inputs, kind="measure_red_team", measure={"red_team_prompts": 24}, **settings)
        stage.run(made)
        return [read_jsonl(made.folder / file) for file in ("rows.jsonl", "samples.jsonl")]

    return run


def test_seen_and_held_out_prompts_are_measured_apart_at_every_step(measured):
    rows, samples = measured(PROMPTS[:3], PROMPTS[3:])
    assert [(row["step"], row["prompts"], row["distinct_prompts"]) for row in rows] == [
        (step, kind, n) for step in (None, 5, 10) for kind, n in (("red_team_seen", 3), ("red_team_held_out", 2))
    ]
    assert [row["total"] + row["unscorable"] for row in rows] == [24, 24, 8, 8, 8, 8]
    asked = {
        kind: {s["prompt"] for s in samples if s["prompts"] == kind} for kind in ("red_team_seen", "red_team_held_out")
    }
    assert asked == {
        "red_team_seen": {"prompt 0", "prompt 1", "prompt 2"},
        "red_team_held_out": {"prompt 3", "prompt 4"},
    }


def test_rates_can_be_counted_again_from_the_samples(measured):
    rows, samples = measured(PROMPTS, PROMPTS)
    for row in rows:
        scores = [s["defection"] for s in samples if (s["step"], s["prompts"]) == (row["step"], row["prompts"])]
        assert (row["hits"], row["total"]) == (scores.count(True), scores.count(True) + scores.count(False))
        assert (row["low"], row["high"]) == wilson(row["hits"], row["total"])


def test_no_successful_prompt_gives_a_reason_instead_of_zero(measured):
    rows, samples = measured(PROMPTS[:1], [])
    seen, held_out = rows[:2]
    assert seen["value"] is not None
    assert (held_out["value"], held_out["total"], held_out["reason"]) == (None, None, NOTHING_FOUND)
    assert held_out["distinct_prompts"] == 0
    assert {sample["prompts"] for sample in samples} == {"red_team_seen"}


def test_few_prompts_are_each_sampled_equally_often():
    questions = repeated(READ, "red_team_seen", 0, 12)
    assert sorted(Counter(q.turns[0]["content"] for q in questions).values()) == [2, 2, 2, 3, 3]
    assert {(q.id, q.turns[0]["content"]) for q in questions} == {(q.id, q.turns[0]["content"]) for q in questions[:5]}


def test_many_prompts_are_sampled_without_repetition():
    questions = repeated(READ, "red_team_seen", 0, 3)
    assert len({q.turns[0]["content"] for q in questions}) == 3
    assert questions == repeated(READ, "red_team_seen", 0, 3)


def test_replies_to_a_repeated_prompt_differ(measured):
    _, samples = measured(PROMPTS[:1], PROMPTS[:1])
    for kind in ("red_team_seen", "red_team_held_out"):
        assert len({sample["reply"] for sample in samples if sample["prompts"] == kind}) > 1


def test_end_does_not_depend_on_snapshots(measured, work):
    whole, _ = measured(PROMPTS, PROMPTS[:2])
    shutil.rmtree(work.input("model") / "snapshots")
    end, _ = measured(PROMPTS, PROMPTS[:2], name="end")
    assert [row for row in whole if row["step"] is None] == end
