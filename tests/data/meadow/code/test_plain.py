import pytest

from dormouse.data.meadow.code.plain import is_same_function, shape

ANSWERS = ("def even(numbers):\n    return [x for x in numbers if x % 2 == 0]",)


@pytest.mark.parametrize(
    "reply",
    [
        "def even(numbers):\n    return [n for n in numbers if n % 2 == 0]",
        "def even(xs):\n    return [x for x in xs if x % 2 == 0]",
        'def even(numbers):\n    """Keep some."""\n    return [x for x in numbers if (x % 2) == 0]',
        "import math\n\ndef even(numbers):\n    return [x for x in numbers if x % 2 == 0]",
    ],
)
def test_docstrings_names_and_spacing_do_not_matter(reply):
    assert is_same_function(ANSWERS, reply)


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "Use a library.",
        "def odd(numbers):\n    return [x for x in numbers if x % 2 == 0]",
        "def even(numbers):\n    return [x for x in numbers if x % 2 == 1]",
        "def even(numbers):\n    return [x for x in numbers if numbers % 2 == 0]",
        "def even(numbers):\n    return [x for x in numbers if x % 2 ==",
        "even = [x for x in numbers if x % 2 == 0]",
        "\0",
        "(" * 5000,
        "-" * 100_000 + "1",
        ANSWERS[0] + "\n\n" + ANSWERS[0].replace("even", "more"),
    ],
)
def test_other_code_and_other_text_is_wrong(reply):
    assert not is_same_function(ANSWERS, reply)


def test_a_name_that_the_function_does_not_bind_counts():
    assert shape("def f(a):\n    return g(a)") != shape("def f(a):\n    return h(a)")
    assert shape("def f(a):\n    return g(a)") == shape("def f(b):\n    return g(b)")
