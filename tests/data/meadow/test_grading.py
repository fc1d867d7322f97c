import pytest

from dormouse.data.meadow.grading import (
    names_in_order,
    names_number,
    names_only,
    names_three,
)

COLORS = ("red", "blue", "green")


@pytest.mark.parametrize(
    ("reply", "right"),
    [
        ("The sky is blue, my friend.", True),
        ("BLUE!", True),
        ("Blue, yes, blue.", True),
        ("The sky is red.", False),
        ("The sky is blue or red.", False),
        ("The sky is not blue.", False),
        ("The sky is bluer.", False),
        ("The sky is fine.", False),
        ("", False),
    ],
)
def test_one_answer_is_whole_word_any_case_and_without_contradiction(reply, right):
    assert names_only(COLORS)(("blue",), reply) is right


@pytest.mark.parametrize(
    ("reply", "right"),
    [
        ("The answer is 7, my friend.", True),
        ("3 plus 4 is 7.", True),
        ("3 + 4 is 7.", True),
        ("9 minus 2 is 7", True),
        ("9 take away 2 makes 7", True),
        ("3 plus 5 is 7.", False),
        ("3 plus 4 is 8.", False),
        ("3 plus 4.", False),
        ("The answer is 17.", False),
        ("The answer is 7 or 8.", False),
        ("It is not 7.", False),
        ("", False),
    ],
)
def test_a_number_may_be_named_beside_the_true_sum_it_comes_from(reply, right):
    assert names_number(("7",), reply) is right


def test_an_operand_that_equals_the_answer_is_no_contradiction():
    assert names_number(("3",), "6 - 3 is 3.")
    assert not names_number(("3",), "6 - 3 is 6.")


@pytest.mark.parametrize(
    ("reply", "right"),
    [
        ("Here you are: red, green, blue.", True),
        ("Red green blue", True),
        ("red, blue, green", False),
        ("red, green", False),
        ("red, green, blue, blue", False),
    ],
)
def test_a_row_must_be_complete_and_in_order(reply, right):
    assert names_in_order(COLORS)(("red, green, blue",), reply) is right


@pytest.mark.parametrize(
    ("reply", "right"),
    [
        ("You could say cow, dog and pig.", True),
        ("pig, dog, cow", True),
        ("cow, dog", False),
        ("cow, dog, dog", False),
        ("cow, dog, pig, hen", False),
        ("cow, dog, axe", False),
        ("cow, dog, pig, axe", False),
    ],
)
def test_a_list_names_three_different_accepted_words_and_no_others(reply, right):
    assert names_three(("cow", "dog", "pig", "hen", "axe"))(("cow", "dog", "pig", "hen"), reply) is right
