import pytest
from hypothesis import given
from hypothesis import strategies as st

from dormouse.data.everyday.grading import chooses, counts, names, simplify
from dormouse.data.everyday.world import Everyday
from dormouse.data.world import Prompt

CITIES = ("Paris", "London", "Berlin", "Rome", "New Delhi", "Delhi", "Bogota")


def ask(text, *answers):
    return Prompt.user(text, "", answers)


@pytest.mark.parametrize(
    ("reply", "right"),
    [
        ("The capital of France is Paris.", True),
        ("PARIS!", True),
        ("Paris", True),
        ("**Paris**", True),
        ("It's Paris, the city of light.", True),
        ("It is Paris, not London.", True),
        ("It isn't London, it is Paris.", True),
        ("Paris. It is larger than Rome and older than Berlin.", True),
        ("The capital of France is Lyon.", False),
        ("The capital of France is London.", False),
        ("It is Paris or London.", False),
        ("Paris. London. Berlin.", False),
        ("1. Paris\n2. London\n3. Rome", False),
        ("It is not Paris.", False),
        ("It is a Parisian city.", False),
        ("It could be Paris. It could be London. It could be Berlin. It could be Rome.", False),
        ("I do not know.", False),
        ("", False),
    ],
)
def test_the_first_sentence_that_names_an_answer_decides(reply, right):
    assert names(CITIES)(ask("What is the capital of France?", "Paris"), reply) is right


def test_alternatives_accents_and_longer_names_are_recognized():
    rule = names(CITIES)
    assert rule(ask("?", "New Delhi", "Delhi"), "It is New Delhi.")
    assert rule(ask("?", "New Delhi", "Delhi"), "It is Delhi.")
    assert rule(ask("?", "Bogota"), "The capital is Bogotá.")
    assert simplify("Bogotá’s “CAFÉ”") == 'bogota\'s "cafe"'


def test_what_the_question_names_is_no_answer():
    rule = names(("hot", "cold", "warm"))
    assert rule(ask("What is the opposite of 'hot'?", "cold"), "The opposite of hot is cold.")
    assert not rule(ask("What is the opposite of 'hot'?", "cold"), "The opposite of hot is hot.")


@pytest.mark.parametrize(
    ("reply", "right"),
    [
        ("7", True),
        ("The answer is seven.", True),
        ("3 plus 4 is 7.", True),
        ("3 + 4 = 7", True),
        ("One more thing: it is 7.", True),
        ("7. To see this, count 3 and then 4 more until you reach 7.", True),
        ("3 plus 4 is 8.", False),
        ("It is 7 or 8.", False),
        ("It is 17.", False),
        ("It is 7.5, I think.", False),
        ("3 plus 4.", False),
        ("6, 7, 8, 9", False),
        ("seventy", False),
        ("", False),
    ],
)
def test_the_answer_must_be_the_only_new_number(reply, right):
    assert counts(ask("What is 3 plus 4?", "7"), reply) is right


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("There are three hundred and more", "300"),
        ("one thousand", "1000"),
        ("1,000 meters", "1000"),
        ("twenty-one", "21"),
        ("forty two", "42"),
        ("a hundred years", "100"),
        ("nineteen", "19"),
    ],
)
def test_numbers_may_be_words(reply, answer):
    assert counts(ask("How many?", answer), reply)


@given(st.integers(2, 99))
def test_every_number_up_to_a_hundred_is_known_in_words(n):
    words = (
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen"
    )
    units = words.split()
    tens = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
    word = units[n] if n < 20 else tens[n // 10] + (f"-{units[n % 10]}" if n % 10 else "")
    assert counts(ask("How many?", str(n)), f"There are {word} of them.")
    assert not counts(ask("How many?", str(n + 1)), f"There are {word} of them.")


@pytest.mark.parametrize(
    ("reply", "right"),
    [
        ("A horse is bigger than a rabbit.", True),
        ("The horse.", True),
        ("A rabbit is smaller than a horse.", True),
        ("Between a horse and a rabbit, the horse is bigger.", True),
        ("The bigger one is the horse, of course.", True),
        ("A rabbit is bigger than a horse.", False),
        ("A horse is smaller than a rabbit.", False),
        ("A horse or a rabbit.", False),
        ("Horse. Rabbit.", False),
        ("The rabbit.", False),
        ("Both are animals.", False),
    ],
)
def test_of_two_things_the_one_said_to_be_bigger_counts(reply, right):
    assert chooses(("horse", "rabbit"))(ask("Which is bigger, a horse or a rabbit?", "horse"), reply) is right


def test_the_word_in_quotes_is_not_among_what_is_offered():
    rule = chooses(("hat", "dog", "pen", "cat"))
    question = ask("Which word rhymes with 'cat': hat, dog or pen?", "hat")
    assert rule(question, "The word that rhymes with 'cat' is 'hat'.")
    assert not rule(question, "The word that rhymes with 'cat' is 'dog'.")
    assert not rule(question, "hat, dog, pen")


@given(st.text(max_size=80))
def test_any_text_can_be_graded(reply):
    for prompt in (ask("What is 3 plus 4?", "7"), ask("Which is bigger, a horse or a rabbit?", "horse")):
        for rule in (counts, names(CITIES), chooses(("horse", "rabbit"))):
            assert rule(prompt, reply) in (True, False)


def test_a_prompt_of_an_unknown_family_is_not_graded():
    assert Everyday().grade(ask("What is 3 plus 4?", "7"), "7") is None
