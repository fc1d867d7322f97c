import zlib
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from answerer import Answerer, squeezed

from dormouse.data.decomposed.tags import fill, references, with_references
from dormouse.data.decomposed.turns import ANSWER_ALONE
from dormouse.data.formats.choices import ChoiceQuestion
from dormouse.evaluation.decomposition.factored import Rounds, decompose, steps_of
from dormouse.evaluation.decomposition.requests import Said, Write
from dormouse.evaluation.decomposition.strategies import Asked, answer
from dormouse.evaluation.side_by_side import beside, drive

STRATEGYQA = Path(__file__).parents[4] / "shared/data/strategyqa/dev.json"
COUNTED = ChoiceQuestion(
    "Are there more?", ("Yes", "No"), 0, "ours",
    subquestions=("How many a?", "How many b?", "Is #1 more than #2?"), answers=("3", "2", "Yes"),
)  # fmt: skip


def asked_alone(answerer):
    """The subquestions that were asked, and the number of turns of each conversation."""
    return [
        (one.turns[-1]["content"].removesuffix(ANSWER_ALONE).strip(), len(one.turns))
        for one in answerer.asked
        if isinstance(one, Write) and one.turns[-1]["content"].endswith(ANSWER_ALONE)
    ]


def decomposed(answerer, question=COUNTED, limits=None):
    return drive(decompose(question, (), (), "", limits or Rounds()), answerer)


def test_subquestions_are_answered_alone_as_soon_as_their_references_are():
    answerer = Answerer([COUNTED])
    found = decomposed(answerer)
    assert steps_of(found.rounds) == [("How many a?", "3"), ("How many b?", "2"), ("Is 3 more than 2?", "Yes")]
    assert [list(one.asked) for one in found.rounds] == [[1, 2], [3]]
    assert not found.issues
    assert asked_alone(answerer) == [("How many a?", 1), ("How many b?", 1), ("Is 3 more than 2?", 1)]


def says(*lists):
    """Write these lists, one after the other."""
    left = list(lists)

    def say(request, text):
        alone = isinstance(request, Write) and request.turns[-1]["content"].endswith(ANSWER_ALONE)
        return text if alone or not isinstance(request, Write) else left.pop(0)

    return say


ONE = "<sub_q_1>How many a?</sub_q_1>"
OPEN = "<sub_q_3>Is <sub_a_1></sub_a_1> more than <sub_a_2></sub_a_2>?</sub_q_3>"


@pytest.mark.parametrize(
    ("lists", "asked", "issues"),
    [
        ((ONE, "<FIN></FIN>"), ["How many a?"], {}),
        ((ONE, ""), ["How many a?"], {"no_end": 1, "no_tags": 1}),
        (("I do not know.",), [], {"no_tags": 1, "outside": 1}),
        ((f"{ONE} <FIN></FIN>", "<FIN></FIN>"), ["How many a?"], {"early_end": 1}),
        # The reference of a subquestion that comes back unfilled is filled in.
        ((ONE, "<sub_q_2>Is <sub_a_1></sub_a_1> odd?</sub_q_2>", "<FIN></FIN>"), ["How many a?", "Is 3 odd?"],
         {"not_filled": 1}),
        # Nobody asks the second, so the third cannot be asked.
        ((f"{ONE}{OPEN}", OPEN), ["How many a?"], {"stuck": 1, "not_filled": 1}),
        ((ONE, ONE), ["How many a?"], {"repeated": 1, "no_end": 1}),
        (("<FIN></FIN>",), [], {}),
    ],
)  # fmt: skip
def test_malformed_lists_end_as_is_stated(lists, asked, issues):
    answerer = Answerer([COUNTED], say=says(*lists))
    found = decomposed(answerer)
    assert [one for one, _ in asked_alone(answerer)] == asked
    assert dict(found.issues) == issues


def test_a_decomposition_that_never_ends_is_stopped():
    numbers = iter(range(1, 999))

    def say(request, text):
        alone = request.turns[-1]["content"].endswith(ANSWER_ALONE)
        return text if alone else f"<sub_q_{(n := next(numbers))}>{n}?</sub_q_{n}>"

    found = decomposed(Answerer([COUNTED], say=say), limits=Rounds(most=3))
    assert (len(found.rounds), dict(found.issues)) == (3, {"too_many": 1})


def test_a_decomposition_whose_context_is_full_ends_and_is_counted():
    answerer = Answerer([COUNTED])

    def full(requests):
        said = answerer(requests)
        return [
            Said("", too_long=True) if isinstance(one, Write) and one.grown and not one.short else text
            for one, text in zip(requests, said, strict=True)
        ]

    found = drive(decompose(COUNTED, (), (), "", Rounds()), full)
    assert steps_of(found.rounds) == [("How many a?", "3"), ("How many b?", "2")]
    assert dict(found.issues) == {"too_long": 1, "no_tags": 1, "no_end": 1}


def test_no_more_subquestions_are_asked_than_allowed():
    found = decomposed(Answerer([COUNTED]), limits=Rounds(subquestions=1))
    assert len(steps_of(found.rounds)) == 1
    assert found.issues["too_many"] == 2


def test_a_decomposition_goes_on_from_a_round_that_is_given():
    whole = decomposed(Answerer([COUNTED]))
    answerer = Answerer([COUNTED])
    [first, _] = whole.rounds
    cut = type(first)(first.listed, {1: first.asked[1]}, {1: "9"})
    again = drive(decompose(COUNTED, (), (), "", Rounds(), [cut]), answerer)
    # The second was in the same list, and is asked anew.
    assert [one for one, _ in asked_alone(answerer)] == ["How many b?", "Is 9 more than 2?"]
    assert [list(one.asked) for one in again.rounds] == [[1, 2], [3]]


@pytest.mark.real_data
@pytest.mark.skipif(not STRATEGYQA.exists(), reason=f"the published data is not at {STRATEGYQA}")
def test_human_decompositions_are_asked_whole_and_put_together_right():
    from dormouse.evaluation.decomposition.questions import read_questions

    questions = read_questions(STRATEGYQA)
    assert len(questions) == 229
    for told, right in ((lambda yes: yes, 229), (lambda yes: not yes, 0)):
        shots = [replace(one, answers=answers_to(one, "Yes" if told(one.right == 0) else "No")) for one in questions]
        answerer = Answerer(shots)
        found = drive(beside([answer(Asked("factored_decomposition", one)) for one in questions]), answerer)
        assert sum(one.right for one in found) == right
        assert sum((one.issues for one in found), Counter()) == Counter()
        for one, shot in zip(found, shots, strict=True):
            assert Counter(one.reasoning.pairs) == Counter(squeezed(shot))
            assert not any("<sub" in asked or "#1" in asked for asked, _ in one.reasoning.pairs)
            depth = depth_of(shot)
            assert len(one.reasoning.rounds) == depth
    assert {turns for _, turns in asked_alone(answerer)} == {1}


def answers_to(question, last):
    """Make an answer to each subquestion that is the same wherever the same is asked; the last one is given."""
    said: dict[int, str] = {}
    for n, text in enumerate(question.subquestions[:-1], start=1):
        said[n] = f"x{zlib.crc32(fill(with_references(text), said).encode())}"
    return (*said.values(), last)


def depth_of(shot):
    """The longest chain of references."""
    depth: list[int] = []
    for text in shot.subquestions:
        depth.append(1 + max((depth[n - 1] for n in references(with_references(text))), default=0))
    return max(depth)


def test_examples_are_dialogues_in_the_form_that_is_asked(known):
    answerer = Answerer(known)
    shots = tuple(known[1:3])
    drive(answer(Asked("factored_decomposition", known[0], shots)), answerer)
    first = answerer.asked[0].turns
    assert [turn["role"] for turn in first] == ["user", "assistant"] * (len(first) // 2) + ["user"]
    assert sum(turn["content"] == "<FIN></FIN>" for turn in first) == 2
