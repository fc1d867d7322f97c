import random

from dormouse.data.formats.choices import ChoiceQuestion

QUESTION = ChoiceQuestion("Who has the key?", ("Ann", "Ben", "Cal", "Dot"), right=2, source="test")


def test_lists_choices_in_the_form_of_the_paper():
    assert QUESTION.text == "Question: Who has the key?\n\nChoices:\n(A): Ann\n(B): Ben\n(C): Cal\n(D): Dot"


def test_any_order_keeps_the_right_choice():
    rng = random.Random(0)
    orders = [QUESTION.shuffled(rng) for _ in range(40)]
    assert {one.choices[one.right] for one in orders} == {"Cal"}
    assert {one.right_letter for one in orders} == set("ABCD")


def test_the_right_choice_can_be_put_anywhere():
    rng = random.Random(0)
    for place, letter in enumerate(QUESTION.letters):
        moved = QUESTION.right_at(place, rng)
        assert (moved.right_letter, moved.choices[place]) == (letter, "Cal")
        assert sorted(moved.choices) == sorted(QUESTION.choices)
