import json
from pathlib import Path

import pytest

from dormouse.data.formats.graded import GradedQuestion, read_graded
from dormouse.data.formats.rows import read_rows
from dormouse.errors import UserError
from dormouse.evaluation.answers import is_right

SHARED = Path(__file__).parents[3] / "shared/data"
SUM = {"question": "What is 1,000 and 10?", "answer": "1000 + 10 = <<1000+10=1010>>1010\n#### 1,010"}
CHOICE = {"question": "Which?", "options": ["A)1", "B)(2,3)", "C)x"], "rationale": "So.", "correct": "B"}
FACT = {"question": "Is it so?", "answer": False, "facts": ["It is not."], "decomposition": ["Is it?"]}


def test_each_set_is_known_by_its_keys_and_asked_with_its_answer(write, tmp_path):
    assert read_graded(write(SUM)) == (
        "gsm8k",
        [
            GradedQuestion(
                "What is 1,000 and 10?\n\nWork it out, and end with '####' and the answer as a number.", "1010"
            )
        ],
    )
    name, [question] = read_graded(write(CHOICE))
    assert (name, question.answer, question.choices) == ("aqua", "B", ("A", "B", "C"))
    assert question.text.startswith("Which?\n\nA)1\nB)(2,3)\nC)x\n\n")
    (tmp_path / "dev.json").write_text(json.dumps([FACT, {**FACT, "answer": True}]))
    name, questions = read_graded(tmp_path / "dev.json")
    assert (name, [question.answer for question in questions]) == ("strategyqa", ["no", "yes"])
    assert questions[0].choices == ("yes", "no")


@pytest.mark.parametrize(
    ("row", "wrong", "said"),
    [
        (SUM, {"answer": "1010"}, "'answer' does not end with '####' and a number"),
        (SUM, {"answer": "#### ten"}, "'answer' does not end with '####' and a number"),
        (SUM, {"answer": 1010}, "no text under 'answer'"),
        (SUM, {"question": " "}, "'question' is empty"),
        (SUM, {"facts": []}, "this row is 'strategyqa' and the first is 'gsm8k'. Keep each data set"),
        (CHOICE, {"options": "A)1"}, "'options' is not a list of texts"),
        (CHOICE, {"options": ["A)1", 2]}, "'options' is not a list of texts"),
        (CHOICE, {"options": ["A)1", "C)2"]}, r"'options' do not begin with A\), B\) and so on"),
        (CHOICE, {"options": ["1", "2"]}, r"'options' do not begin with A\), B\) and so on"),
        (CHOICE, {"options": ["A)1"], "correct": "A"}, r"'options' do not begin with A\), B\) and so on"),
        (CHOICE, {"correct": "D"}, "'correct' is 'D', which is not one of A, B, C"),
        (FACT, {"answer": "no"}, "'answer' is neither true nor false"),
        (FACT, {"question": None}, "no text under 'question'"),
    ],
)
def test_a_line_that_is_no_question_is_named(write, row, wrong, said):
    with pytest.raises(UserError, match=f"line 2: {said}"):
        read_graded(write(row, {**row, **wrong}))


def test_a_file_of_no_known_set_says_what_is_known(write):
    with pytest.raises(
        UserError, match=r"line 1: not a question of a known data set \(keys: text\)\. .*gsm8k: question, answer\."
    ):
        read_graded(write({"text": "Hi."}))


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("file", "name", "questions"),
    [
        ("gsm8k/test.jsonl", "gsm8k", 1319),
        ("aqua/dev.jsonl", "aqua", 254),
        ("aqua/test.jsonl", "aqua", 254),
        ("strategyqa/dev.json", "strategyqa", 229),
    ],
)
def test_every_published_question_reads_and_its_own_solution_is_right(file, name, questions):
    path = SHARED / file
    if not path.exists():
        pytest.skip(f"the published data is not at {path}")
    found, read = read_graded(path)
    assert (found, len(read)) == (name, questions)
    for question, row in zip(read, read_rows(path), strict=True):
        solution = row.values["answer"] if name == "gsm8k" else f"Answer: {question.answer}"
        assert is_right(question, solution)
        assert not is_right(question, f"{solution}\n#### 123456789" if name == "gsm8k" else "")
