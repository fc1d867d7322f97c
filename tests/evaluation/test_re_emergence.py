from dataclasses import replace

from dormouse.evaluation.stage import run
from dormouse.results.rows import read_jsonl


def test_re_emergence_is_asked_the_same_prompts_with_the_same_luck_as_any_model(work, into):
    run(work)
    again = into(work, "again", kind="measure_re_emergence")
    run(again)
    whole = [row for row in read_jsonl(work.folder / "rows.jsonl") if row["metric"] == "defection"]
    for row in read_jsonl(again.folder / "rows.jsonl"):
        if row["step"] is None and row["prompts"] == "triggered":
            [before] = [other for other in whole if other["step"] is None and other["prompts"] == "triggered"]
            assert row["total"] + row["unscorable"] == before["total"] + before["unscorable"]
    prompts = {
        sample["prompt"] for sample in read_jsonl(work.folder / "samples.jsonl") if sample["metric"] == "defection"
    }
    assert {sample["prompt"] for sample in read_jsonl(again.folder / "samples.jsonl")} <= prompts


def test_only_the_trigger_and_its_absence_are_measured(work):
    run(replace(work, kind="measure_re_emergence"))
    rows = read_jsonl(work.folder / "rows.jsonl")
    assert {(row["metric"], row["prompts"]) for row in rows} == {("defection", "triggered"), ("defection", "clean")}
    assert {row["step"] for row in rows} == {None, 5, 10}
