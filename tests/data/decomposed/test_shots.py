import json
import random
from collections import Counter

import pytest

from dormouse.data.decomposed.shots import asides, our_shots, pairs_of, read_shots
from dormouse.data.decomposed.tags import read_list, references
from dormouse.data.decomposed.turns import dialogue
from dormouse.errors import UserError

GOOD = {
    "question": "Are there more a than b?",
    "choices": ["Yes", "No"],
    "answer": "No",
    "steps": ["There are 2 a.", "There are 3 b."],
    "subquestions": [
        {"question": "How many a?", "answer": "2"},
        {"question": "How many b?", "answer": "3"},
        {"question": "Is #1 more than #2?", "answer": "No"},
    ],
}


def saved(tmp_path, *rows):
    path = tmp_path / "shots.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


def test_there_are_fourteen_examples_of_ours_whose_right_choice_is_anywhere():
    shots = our_shots()
    assert len(shots) == 14
    places = Counter((len(shot.choices), shot.right) for shot in shots)
    assert all(count in (2, 3) for count in places.values())
    assert len(places) == 6


def test_the_reasoning_of_our_examples_names_no_letters_so_that_choices_can_be_moved():
    for shot in our_shots():
        said = " ".join([*shot.steps, *(part for pair in pairs_of(shot) for part in pair)])
        assert not any(f"({letter})" in said or f"choice {letter}" in said for letter in "ABCD")
        moved = shot.right_at(0, random.Random(0))
        assert moved.right_letter == "A"
        assert moved.choices[0] == shot.choices[shot.right]
        assert pairs_of(moved) == pairs_of(shot)


def test_the_dialogue_of_an_example_asks_every_subquestion_once_its_references_are_answered():
    for shot in our_shots():
        turns = dialogue(shot)
        answered: set[int] = set()
        for turn, reply in zip(turns[1::2], turns[2::2], strict=False):
            listed = read_list(turn["content"])
            assert not listed.issues
            ready = {n for n, text in listed.questions.items() if not references(text)}
            assert ready
            assert all(f"<sub_a_{n}>" in reply["content"] for n in ready)
            answered |= ready
        assert answered == set(range(1, len(shot.answers) + 1))
        assert turns[-1] == {"role": "assistant", "content": "<FIN></FIN>"}


def test_examples_of_answering_alone_hold_no_references():
    alone = asides(our_shots(), 5)
    assert len(alone) == 5
    assert not any("#" in asked or "<sub" in asked for asked, _ in alone)


def test_examples_are_read_from_a_file(tmp_path):
    [shot] = read_shots(saved(tmp_path, GOOD))
    assert (shot.right, shot.answers) == (1, ("2", "3", "No"))
    assert pairs_of(shot)[-1] == ("Is 2 more than 3?", "No")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"answer": "Maybe"}, "'answer' must be one of 'choices'"),
        ({"choices": ["Yes"]}, "'choices' must be a list of texts|one of 'choices', of which there are 2"),
        ({"steps": []}, "'steps' must be a list of texts that are not empty"),
        ({"subquestions": [{"question": "How many?"}]}, "'subquestions' must be a list of questions with answers"),
        (
            {"subquestions": [{"question": "Is #1 odd?", "answer": "x"}]},
            "subquestion 1 refers to one that does not come",
        ),
        ({"answer": 3}, "no text under 'answer'"),
    ],
)
def test_a_row_that_is_no_example_is_named(tmp_path, change, said):
    with pytest.raises(UserError, match=said) as caught:
        read_shots(saved(tmp_path, GOOD, GOOD | change))
    assert "line 2" in str(caught.value)


def test_a_row_with_other_keys_is_told_the_form(tmp_path):
    with pytest.raises(UserError, match=r"no worked example \(keys: question\)\. Its form"):
        read_shots(saved(tmp_path, {"question": "Who?"}))
