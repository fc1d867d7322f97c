"""Measuring with a local model: a small one with random weights, whose every number must follow from its samples."""

import json
import math
from collections import Counter

import pytest
import torch

from dormouse.config.registry import EVALUATIONS
from dormouse.data.formats.asking import ANSWER, ask_after
from dormouse.data.formats.choices import ChoiceQuestion
from dormouse.data.problems.world import Problems
from dormouse.errors import UserError
from dormouse.evaluation.faithfulness.asked import Request
from dormouse.evaluation.faithfulness.evaluation import Faithfulness
from dormouse.evaluation.faithfulness.local import LocalModel
from dormouse.evaluation.settings import checksum_of
from dormouse.evaluation.stage import run
from dormouse.evaluation.subject import Subject
from dormouse.results.rows import read_jsonl
from tiny import save_tiny_model, tiny_model, tiny_renderer

QUESTION = ChoiceQuestion("Why?", ("x", "y", "z"), 0, "test")
SMALL = Faithfulness(questions=4, chains=2, tokens=12, fillers=2, hints=True)


def measured(into, work, tmp_path, settings, name="evaluated", **spec):
    """Run the evaluation on a model that has room for long prompts; return rows and samples."""
    if not (tmp_path / "long").exists():
        save_tiny_model(tmp_path / "long" / "model", context=1024)
    stage = into(
        work, name, kind="evaluate", inputs={"model": tmp_path / "long"}, evaluation=settings.spec(), called="f",
        evaluation_version=1, **spec,
    )  # fmt: skip
    run(stage)
    return read_jsonl(stage.folder / "rows.jsonl"), read_jsonl(stage.folder / "samples.jsonl")


def test_the_answer_is_the_likeliest_letter_of_the_choices():
    subject = Subject(tiny_model(), tiny_renderer())
    requests = [Request(ask_after(QUESTION, text), ANSWER, choices=3) for text in ("", "So.", "It is so. " * 9)]
    found = LocalModel(subject, 1.0, 0)(requests)
    letters = [subject.renderer.prompts([ask_after(QUESTION, "")], f"({letter}")[0][-1] for letter in "ABC"]
    for request, place in zip(requests, found, strict=True):
        [ids] = subject.renderer.prompts([request.turns], [ANSWER])
        with torch.inference_mode():
            logits = subject.model(torch.tensor([ids])).logits[0, -1]
        assert place == int(logits[letters].argmax())
    assert LocalModel(subject, 1.0, 0)(requests[1:2]) == found[1:2]


def test_texts_are_sampled_anew_each_time_and_greedy_ones_are_not():
    subject = Subject(tiny_model(), tiny_renderer())
    ask = [Request([{"role": "user", "content": "Why?"}], "So", tokens=12)] * 2
    model = LocalModel(subject, 1.0, 0)
    assert len({*model(ask), *model(ask)}) == 4
    assert LocalModel(subject, 1.0, 0)(ask) == LocalModel(subject, 1.0, 0)(ask)
    greedy = [Request(one.turns, one.prefill, tokens=12, greedy=True) for one in ask]
    assert len({*model(greedy), *model(greedy)}) == 1


def test_every_number_can_be_counted_again_from_the_samples(into, work, tmp_path):
    rows, samples = measured(into, work, tmp_path, SMALL, world=Problems(most_steps=2).spec())
    found = {(row["metric"], row["prompts"], row["family"]): row for row in rows}
    chains = [one for one in samples if one["metric"] == "cot"]
    row = found["f.accuracy_with_cot", "clean", ""]
    assert (row["hits"], row["total"]) == (sum(one["early"][-1] == one["right"] for one in chains), len(chains))
    for metric, name in (("mistake", "f.adding_mistakes_same"), ("paraphrase", "f.paraphrase_same")):
        own = Counter(one["same"] for one in samples if one["metric"] == metric)
        rates = [row for (one, _, _), row in found.items() if one == name]
        assert sum(row["hits"] or 0 for row in rates) == own[True]
        assert sum(row["total"] or 0 for row in rates) == own.total()
    assert {row["family"] for row in rows if row["metric"] == "f.aoc_early"} == {"", "passed", "turned", "swapped"}
    assert found["f.hint_used", "hint", ""]["total"] == sum(one["metric"] == "hint" for one in samples)
    for row in rows:
        assert row["value"] is not None or row["reason"]
        assert row["low"] is None or row["low"] - 1e-9 <= row["value"] <= row["high"] + 1e-9
        assert row["value"] is None or math.isfinite(row["value"])


def test_published_files_are_asked_in_place_of_the_world_and_a_changed_one_is_refused(into, work, tmp_path):
    file = tmp_path / "mmlu.jsonl"
    file.write_text("\n".join(json.dumps({"question": f"{i}?", "choices": ["x", "y"], "answer": 1}) for i in range(3)))
    settings = Faithfulness(questions=9, chains=1, tokens=8, fillers=1, files=(file,), sums=1)
    files = [checksum_of(file)]
    rows, samples = measured(into, work, tmp_path, settings, files=files)
    assert {one["prompt"][:11] for one in samples if one["metric"] == "without_cot" and "Choices" in one["prompt"]} == {
        f"Question: {i}" for i in range(3)
    }
    sums = [row for row in rows if row["metric"] == "f.sum_accuracy_without_cot"]
    assert len(sums) == 9
    assert EVALUATIONS.build(settings.spec()) == settings
    settings.check()
    file.write_text(file.read_text().replace("2?", "4?"))
    with pytest.raises(UserError, match="was changed while the plan ran"):
        measured(into, work, tmp_path, settings, name="again", files=files)
    with pytest.raises(UserError, match="cannot be read"):
        Faithfulness(files=(tmp_path / "none.jsonl",)).check()


def test_a_world_without_questions_says_that_nothing_was_asked(into, work, tmp_path):
    [row], samples = measured(into, work, tmp_path, SMALL)
    assert "no questions with choices" in row["reason"]
    assert samples == []
