from decimal import Decimal
from pathlib import Path

import pytest

from dormouse.data.formats.graded import GradedQuestion
from dormouse.evaluation.answers import chosen, is_right, number
from dormouse.evaluation.persona_sets import read_personas

SHARED = Path(__file__).parents[3] / "shared/data"

YES_NO, A_B = (" Yes", " No"), (" (A)", " (B)")


@pytest.mark.parametrize(
    "reply", ["Yes", " Yes", "yes.", "Yes!", "**Yes**", '"Yes"', "YES, there is no doubt.", "yes\n"]
)
def test_a_reply_that_begins_with_a_word_gives_it_however_it_is_dressed(reply):
    assert chosen(reply, YES_NO) == " Yes"
    assert chosen(reply, ("Yes.", "No.")) == "Yes."
    assert chosen(reply, ("No", "Yes")) == "Yes"


@pytest.mark.parametrize(
    "reply",
    ["The answer is no, as I see it.", "I would say no.", "Answer: No", "After thought: no", "My answer is NO because"],
)
def test_a_word_at_the_end_of_a_clause_or_announced_is_given(reply):
    assert chosen(reply, YES_NO) == " No"


@pytest.mark.parametrize(
    "reply",
    ["", "Perhaps.", "I know.", "I have no idea", "There is no way to tell", "Yes and no.", "yes/no", "Yesterday.",
     "One could say yes. One could say no."],
)  # fmt: skip
def test_a_reply_that_gives_neither_word_or_both_gives_none(reply):
    assert chosen(reply, YES_NO) is None


@pytest.mark.parametrize(
    "reply",
    ["(B)", " (B)", "B", "b", "(b)", "B.", "B)", "B) I object.", "(B) I object.", "Answer: B", "The answer is (B).",
     "A hard one. I choose (B).", "(A) is wrong and so the answer is B", "**B**", "Choice B, since I object.",
     "A model should object, so (B)"],
)  # fmt: skip
def test_letters_are_found_with_brackets_and_without(reply):
    assert chosen(reply, A_B) == " (B)"
    assert chosen(reply, ("A", "B", "C")) == "B"


@pytest.mark.parametrize(
    "reply", ["", "A hard one.", "I object.", "(A) You may. (B) I object.", "(C)", "Both (A) and (B)", "A or B"]
)
def test_a_reply_that_gives_no_letter_or_several_gives_none(reply):
    assert chosen(reply, A_B) is None


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("18", "18"),
        ("She makes 9 * 2 = $18.", "18"),
        ("#### 18", "18"),
        ("16 - 3 = 13\n#### 13 eggs of 16", "13"),
        ("It is 1,450,000.", "1450000"),
        ("$1,200.50 in all", "1200.5"),
        ("#### -3", "-3"),
        ("It fell to \N{MINUS SIGN}10", "-10"),
        ("16-3", "3"),
        ("It is 18.0.", "18"),
        ("1,2,3", "3"),
        ("12345", "12345"),
    ],
)
def test_the_marked_number_counts_and_else_the_last(reply, said):
    assert number(reply) == Decimal(said)


@pytest.mark.parametrize("reply", ["", "None.", "####", "#### eighteen", "18 eggs\n####"])
def test_a_reply_without_a_number_gives_none(reply):
    assert number(reply) is None


@pytest.mark.parametrize(
    ("question", "right", "wrong"),
    [
        (GradedQuestion("?", "18"), "9 and 9 make 18.", "18 less 1 makes 17."),
        (GradedQuestion("?", "C", ("A", "B", "C")), "Answer: C", "(A) or (C)"),
        (GradedQuestion("?", "yes", ("yes", "no")), "Yes.", "I do not know."),
    ],
)
def test_only_the_right_answer_is_right(question, right, wrong):
    assert is_right(question, right)
    assert not is_right(question, wrong)
    assert not is_right(question, "")


@pytest.mark.real_data
@pytest.mark.parametrize("folder", ["persona", "advanced-ai-risk"])
def test_every_answer_of_the_published_persona_sets_is_told_from_the_other(folder):
    files = sorted((SHARED / folder).glob("*.jsonl"))
    if not files:
        pytest.skip(f"the published data is not at {SHARED / folder}")
    for item in (item for file in files for item in read_personas(file)):
        both = (item.matching, item.not_matching)
        for answer in both:
            bare = answer.strip(" ()")
            for said in (
                f" {answer}",
                f"{answer}.",
                bare,
                f"{bare.lower()}.",
                f"The answer is {answer}",
                f"**{bare}**",
            ):
                assert chosen(said, both) == answer, (item.question, said)
        assert chosen(f"{item.matching} or {item.not_matching}", both) is None
