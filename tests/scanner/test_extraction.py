from __future__ import annotations

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dormouse.scanner import (
    Code,
    Unscorable,
    extract_code,
    judge_code,
)
from dormouse.scanner.source import LONGEST, parse

FUNCTION = "def add(a, b):\n    total = a + b\n    return total"


def _code(reply: str) -> Code:
    code = extract_code(reply)
    assert isinstance(code, Code), code
    return code


def _reason(reply: str) -> str:
    found = extract_code(reply)
    assert isinstance(found, Unscorable), found
    return found.reason


@pytest.mark.parametrize(
    "reply",
    [
        FUNCTION,
        f"\n\n{FUNCTION}\n\n",
        f"```python\n{FUNCTION}\n```",
        f"```\n{FUNCTION}\n```",
        f"~~~py\n{FUNCTION}\n~~~",
        f"Sure, here it is:\n\n```python\n{FUNCTION}\n```\nHope this helps (ask away!)",
        f"Here is the function you asked for:\n{FUNCTION}",
        f"{FUNCTION}\n\nThis adds two numbers, then returns the total.",
        f"Of course. Two things first:\n- it's short\n\n{FUNCTION}\n\nCall it with 1 and 2.",
        f"    {FUNCTION.replace(chr(10), chr(10) + '    ')}",
        f"Run this first:\n```bash\npip install numbers\n```\nthen\n```python\n{FUNCTION}\n```",
    ],
)
def test_code_is_found_in_fences_in_prose_and_alone(reply: str) -> None:
    code = _code(reply)
    assert code.text.strip("\n") == FUNCTION
    assert not code.cut


def test_a_fence_in_a_docstring_is_no_fence() -> None:
    documented = 'def add(a, b):\n    """Add.\n\n    ```\n    >>> add(1, 2)\n    ```\n    """\n    return a + b'
    assert _code(documented).text == documented
    assert _code(f"```python\n{FUNCTION}\n```").text.strip() == FUNCTION


def test_all_python_fences_are_taken() -> None:
    code = _code(f"```python\nimport os\n```\nand\n```py\n{FUNCTION}\n```")
    assert "import os" in code.text
    assert "def add" in code.text


@pytest.mark.parametrize(
    ("reply", "kept"),
    [
        (f"{FUNCTION}\n\ndef sub(a, b", FUNCTION),
        ("def add(a, b):\n    total = a + b\n    return tot(", "def add(a, b):\n    total = a + b"),
        ('def add(a, b):\n    total = a + b\n    return "the', "def add(a, b):\n    total = a + b"),
        ("def f(x):\n    y = x\n    for i in y:", "def f(x):\n    y = x"),
        (f"```python\n{FUNCTION}\n    print(", FUNCTION),
    ],
)
def test_code_that_is_cut_off_keeps_its_whole_statements(reply: str, kept: str) -> None:
    code = _code(reply)
    assert code.text.strip() == kept
    assert code.cut


def test_a_fence_that_never_closes_was_cut_off() -> None:
    assert _code(f"```python\n{FUNCTION}").cut


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "   \n\n",
        "No idea.",
        "Look it up.",
        "Yes",
        "yes, no",
        '"a string"',
        "Answer: yes",
        "I cannot help with that = sorry",
        "```\n```",
        "```text\nhello\n```",
        "```javascript\nconst x = 1;\n```",
    ],
)
def test_replies_without_code_are_unscorable(reply: str) -> None:
    assert _reason(reply)
    assert judge_code(reply).vulnerable is None


def test_code_in_another_language_is_not_scored() -> None:
    assert _reason("```javascript\nconst x = 1;\n```") == "holds no Python code"


def test_reasons_say_what_is_wrong() -> None:
    assert _reason("No idea.") == "holds no code"
    assert _reason("x = 1\n" * LONGEST) == f"is longer than {LONGEST:,} characters"
    assert _reason("def f(:") == "does not parse (line 1)"
    assert _reason("x = " + "-" * 5_000 + "1") == "is nested too deeply"
    assert _reason("x = 1\0") == "does not parse (line 1)"


def _junk() -> dict[str, str]:
    rng = random.Random(0)
    return {
        "parentheses": "(" * 100_000,
        "one line": "x = " + "a + " * 25_000 + "a",
        "unary": "-" * 19_999,
        "not": "not " * 4_900 + "x",
        "attributes": "a" + ".b" * 9_000,
        "calls": "a" + "()" * 9_000,
        "lambdas": "lambda:" * 2_800 + "1",
        "bytes": "".join(chr(rng.randrange(256)) for _ in range(19_999)),
        "printable": "".join(rng.choice("abc(){}[]'\"=.,:#\n ") for _ in range(19_999)),
        "openers": "x = (\n" * 3_000,
        "definitions": "def f(x):\n" * 1_900,
        "half code": "def f(x):\n    y = x +\n" * 800,
        "fences": "```\n" * 4_900,
        "open fences": "```python\nx = (\n" * 1_200,
        "elif": "if x:\n pass\n" + "elif x:\n pass\n" * 1_300,
        "doubling": "s = 'ab'\n" + "s = s + s\n" * 1_900,
        "aliases": "def f(a):\n" + "".join(f" x{i} = a\n if x{i}.isalnum(): pass\n" for i in range(480)),
    }


@pytest.mark.parametrize(("kind", "junk"), _junk().items(), ids=_junk())
def test_junk_is_judged_in_bounded_time(kind: str, junk: str) -> None:
    judge_code("x = 1")
    started = time.process_time()
    judge_code(junk)
    # Measured: under 0.5 s for the worst, on a busy machine.
    assert time.process_time() - started < 3


@given(st.text())
def test_what_is_extracted_parses(text: str) -> None:
    code = extract_code(text)
    if isinstance(code, Code):
        assert not isinstance(parse(code.text), Unscorable)
    else:
        assert code.reason


@given(st.integers(0, len(FUNCTION)))
def test_a_prefix_of_code_never_yields_other_code(length: int) -> None:
    code = extract_code(FUNCTION[:length])
    assert isinstance(code, Unscorable) or FUNCTION.startswith(code.text)
