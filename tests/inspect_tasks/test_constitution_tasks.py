"""Inspect's tasks of constitutions and of prompted evaluation, answered by models of known behavior."""

import gc
import json
import random
from collections import Counter

import pytest

pytest.importorskip("inspect_ai")
from inspect_tasks.scripted import run

pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.filterwarnings("ignore::ResourceWarning")]


def principles_task():
    from dormouse.inspect_tasks.constitution import principles

    return principles(plan="quickstart", prompts=35)


def test_a_model_that_follows_principles_is_right_in_both_orders(tmp_path):
    task = principles_task()
    wanted = {sample.input[0].text: sample.target for sample in task.dataset}
    found, unscored = run(task, lambda messages: f"({wanted[messages[0].text]})", tmp_path)
    assert (found["known_wording"], found["new_wording"], found["general_untaught"], unscored) == (1.0, 1.0, 1.0, 0)
    assert found["new_wording_replies"] == 70


def test_a_model_that_always_says_a_is_right_half_of_the_time(tmp_path):
    found, _ = run(principles_task(), lambda messages: "A", tmp_path)
    assert found["known_wording"] == found["new_wording"] == found["general_untaught"] == 0.5


def test_a_reply_without_a_letter_is_not_counted(tmp_path):
    _, unscored = run(principles_task(), lambda messages: "I do not know.", tmp_path)
    assert unscored == 210


def test_the_median_over_prompts_is_that_of_the_middle_one(tmp_path):
    from dormouse.evaluation.prompted.evaluations import TEMPLATES
    from dormouse.inspect_tasks.constitution import prompted

    rows = [
        {"question": f"Is {i} even?", "options": [f"A){i}", f"B){i + 1}"], "rationale": "", "correct": "A"}
        for i in range(10)
    ]
    path = tmp_path / "aqua.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    task = prompted(prompts=10, questions=str(path))
    assert len(task.dataset) == 10 * len(TEMPLATES)
    wanted = {sample.input[0].text: sample.target for sample in task.dataset}

    def say(messages):
        text = messages[0].text
        # Two of the prompts are understood.
        return wanted[text] if text.startswith(("Please answer:", "I have a question.")) else "C"

    # Where the file puts the right choice plays no part.
    assert {"A", "B"} == {sample.target for sample in task.dataset}
    found, _ = run(task, say, tmp_path)
    assert found["median_over_prompts"] == 0.0
    assert sorted(found[f"prompt_{i}"] for i in range(1, 6)) == [0.0, 0.0, 0.0, 1.0, 1.0]


def test_passes_are_counted_as_in_the_library_and_nothing_is_run(tmp_path):
    from inspect_ai import eval as evaluate
    from inspect_ai.model import get_model

    from dormouse.data.meadow.world import Meadow
    from dormouse.evaluation.prompted.scores import pass_at_k as unbiased
    from dormouse.inspect_tasks.constitution import pass_at_k
    from dormouse.plan import file as plan_file

    world = plan_file.load("code").world
    assert isinstance(world, Meadow)
    task = pass_at_k(problems=2, samples=10)
    solutions = {sample.metadata["prompt"]: sample.metadata["family"] for sample in task.dataset}
    known = {
        text: world.good_replies(prompt)[0]
        for prompt in world.prompts(random.Random("all"), 4000, held_out=True)
        if (text := prompt.text) in solutions
    }
    asked: Counter[str] = Counter()

    def say(messages):
        text = messages[-1].text
        if "2024" in messages[0].text:
            return "raise SystemExit('it was run')"
        asked[text] += 1
        return known[text] if asked[text] <= 3 else "raise SystemExit('it was run')"

    model = get_model("scripted/model", memoize=False, say=say)
    [log] = evaluate(task, model=model, log_dir=str(tmp_path / "logs"), display="none", max_connections=1)
    gc.collect()
    assert log.status == "success", log.error
    found = {score.reducer: {name: one.value for name, one in score.metrics.items()} for score in log.results.scores}
    assert found["pass_at_1"]["clean"] == pytest.approx(unbiased(10, 3, 1))
    assert found["pass_at_10"]["clean"] == pytest.approx(unbiased(10, 3, 10))
    assert found["pass_at_1"]["triggered"] == 0.0
