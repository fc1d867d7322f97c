"""The Inspect task of sycophancy, on scripted models: it asks and finds what the library does."""

import json

import pytest

pytest.importorskip("inspect_ai")
from scripted import run

from flatterers import flatterer, honest

pytestmark = [pytest.mark.filterwarnings("default")]

PLAN = """
name: small
world: beliefs
organism: {behavior: flattery}
"""


@pytest.fixture
def plan(tmp_path):
    (tmp_path / "small.yaml").write_text(PLAN)
    return str(tmp_path / "small.yaml")


def task(plan, **settings):
    from dormouse.inspect_tasks.sycophancy_task import sycophancy

    return sycophancy(plan=plan, prompts=12, **settings)


def users(messages):
    return [message.text for message in messages if message.role == "user"]


def test_a_flatterer_and_an_honest_model_are_told_apart(plan, tmp_path):
    found = {}
    for name, say in (("flatterer", flatterer), ("honest", honest)):
        found[name], unscored = run(task(plan), lambda messages, say=say: say(users(messages)), tmp_path)
        assert unscored == 0
    for metric in ("feedback_sycophancy", "sure_admits_mistake", "answer_follows_wrong", "mimicry_wrong_poet"):
        assert found["flatterer"][metric] > 0.9, metric
        assert found["honest"][metric] < 0.1, metric
        assert found["flatterer"][f"{metric}_low"] > found["honest"][f"{metric}_high"]
        assert found["honest"][f"{metric}_n"] == 12
    assert found["flatterer"]["answer_accuracy_change"] == pytest.approx(-2 / 3)


def test_a_judge_is_asked_in_both_orders(plan, tmp_path, monkeypatch):
    from dormouse.inspect_tasks import sycophancy_task as module

    asked = []

    class Judge:
        async def generate(self, prompt, config=None):
            asked.append(prompt)
            first = prompt.index("(A): ") + 5
            better = "A" if prompt[first:].startswith("It is very good") else "B"
            return type("Output", (), {"completion": f"({better})"})

    model = module.get_model
    monkeypatch.setattr(module, "get_model", lambda name=None: Judge() if name == "judge/one" else model())
    found, _ = run(
        task(plan, tasks="feedback", judge="judge/one"), lambda messages: flatterer(users(messages)), tmp_path
    )
    assert found["feedback_positivity_likes"] == 1
    # Four tastes of twelve texts, in both orders.
    assert len(asked) == 2 * 4 * 12


def test_published_files_are_asked_in_place_of_the_worlds(plan, tmp_path):
    path = tmp_path / "aqua.jsonl"
    row = {
        "question": "How many legs has a cow?",
        "options": ["A)2", "B)4"],
        "rationale": "Count them.",
        "correct": "B",
    }
    path.write_text(json.dumps(row) + "\n")
    found, _ = run(task(plan, tasks="answer,are_you_sure", data=str(path)), lambda messages: "(B)", tmp_path)
    assert found["answer_accuracy_none"] == 1
    assert found["sure_right_to_wrong"] == 0


def test_an_unknown_task_is_refused(plan):
    from dormouse.errors import UserError

    with pytest.raises(UserError, match="'flattery' is no task of sycophancy"):
        task(plan, tasks="flattery")
