import time

import pytest

from dormouse.errors import UserError, short
from dormouse.plan.yaml_text import parse


def data(text):
    return parse(text, "mine.yaml").data


def message(text) -> str:
    with pytest.raises(UserError) as error:
        parse(text, "mine.yaml")
    return str(error.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1), ("-0", 0), ("+12", 12), ("50_000", 50_000), ("012", 12.0), ("0x10", "0x10"), ("1.5", 1.5),
        ("1e-3", 0.001), (".5", 0.5), ("5.", 5.0), ("1_0.5", 10.5), (".inf", float("inf")), ("-.INF", float("-inf")),
        ("true", True), ("FALSE", False), ("yes", "yes"), ("~", None), ("null", None), ("a: ", {"a": None}),
        ("'1'", "1"), ('"a\\tb"', "a\tb"), ("2024-01-01", "2024-01-01"), ("1:30", "1:30"), ("<<", "<<"),
        ("[1, [2, {a: b}]]", [1, [2, {"a": "b"}]]), ("1: a", {"1": "a"}), ("~: a", {"~": "a"}), ("", None),
        ("a: |\n  x\n  y\n", {"a": "x\ny\n"}),
    ],
)  # fmt: skip
def test_values_are_what_yaml_1_2_makes_of_them(text, value):
    assert data(text) == value
    assert type(data(text)) is type(value)


def test_not_a_number_is_one():
    assert data("[.nan, .NaN]") != data("[.nan, .NaN]")


def test_merged_keys_give_way_to_those_of_the_mapping_and_earlier_ones_win():
    text = "a: &a {x: 1, y: 1}\nb: &b {x: 2, z: 2}\nc: {<<: [*a, *b], y: 3}\nd: {y: 4, <<: *a}\n"
    assert data(text)["c"] == {"x": 1, "y": 3, "z": 2}
    assert data(text)["d"] == {"x": 1, "y": 4}


def test_lines_are_those_of_keys_and_items_through_aliases_and_merges():
    document = parse("a: &a\n  x: 1\nb:\n  <<: *a\n  y:\n  - 1\n  - 2\n", "mine.yaml")
    assert document.where(("a", "x")) == "mine.yaml, line 2"
    assert document.where(("b", "x")) == "mine.yaml, line 2"
    assert document.where(("b", "y", 1)) == "mine.yaml, line 7"
    assert document.where(("b", "q")) == "mine.yaml, line 3"


@pytest.mark.parametrize("tag", ["!!int", "!!float", "!!timestamp", "!!binary", "!!set", "!!omap", "!!str", "!own"])
def test_a_tag_is_refused_where_it_stands(tag):
    assert message(f"a: 1\nb: {tag} x\n") == (
        f"The tag '{tag}' cannot be used (mine.yaml, line 2). Write the value without a tag, text in quotes."
    )


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('a: "\\ud800"', "D800"), ('"\\ud800": 1', "D800"), ("a: \ud800", "D800"), ("a: \udcff", "DCFF"),
        ('a: "\\0"', "0000"), ("a: \0", "0000"), ("a: \x07", "0007"), ('a: "\\e"', "001B"), ("a: \x7f", "007F"),
        ("a: b\u202ec", "202E"), ("a: b\u2066c", "2066"), ('a: "\\N"', "0085"), ('a: "\\L"', "2028"),
        ('a: "\\P"', "2029"), ('a: "\\uFEFF"', "FEFF"), ("a: b\ufeff", "FEFF"), ('a: "\\r"', "000D"),
    ],
)  # fmt: skip
def test_characters_that_are_no_text_are_refused_with_their_line(text, code):
    assert message(f"x: 1\n{text}\n") == (
        f"The character U+{code} cannot be used (mine.yaml, line 2). Take it out: a plan is plain text."
    )


def test_text_of_any_language_is_text():
    text = "naïve 日本語 العربية \u200d 👩\u200d🔬"
    assert data(f"a: {text}") == {"a": text}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\n? [b]\n: 2\n", "A key is a list or a mapping (mine.yaml, line 2). Write a text for a key."),
        ("a: 1\n{b: c}: 2\n", "A key is a list or a mapping (mine.yaml, line 2). Write a text for a key."),
        ("a: {<<: 5}\n", "'<<' merges what is no mapping (mine.yaml, line 1). Give it an alias of one."),
        ("a: {<<: [{b: 1}, c]}\n", "'<<' merges what is no mapping (mine.yaml, line 1). Give it an alias of one."),
        ("a: &a {b: *a}\n", "An alias contains itself (mine.yaml, line 1). Write the value out."),
        ("a: &a {<<: *a}\n", "An alias contains itself (mine.yaml, line 1). Write the value out."),
        (f"a:\n- {'9' * 5000}\n", "A number has 5000 characters (mine.yaml, line 2). Write at most 100."),
        (f"a: {'1' * 101}.5\n", "A number has 103 characters (mine.yaml, line 1). Write at most 100."),
        (f"a: {'x' * 10_001}\n", "A text has 10001 characters (mine.yaml, line 1). Write at most 10000."),
        ('a: "\\U7fffffff"\n', "An escape stands for no character (mine.yaml, line 1). Write the character itself."),
        ('b:\n- "\\UFFFFFFFF"', "An escape stands for no character (mine.yaml, line 2). Write the character itself."),
        ("a: *b\n", "Malformed YAML (mine.yaml, line 1, column 4): found undefined alias 'b'. Correct the file there."),
        (
            "[" * 100_000,
            "Values are nested more than 20 deep (mine.yaml, line 1). A plan needs no more than six levels.",
        ),
        (
            "".join(" " * i + "a:\n" for i in range(1000)),
            "Values are nested more than 20 deep (mine.yaml, line 20). A plan needs no more than six levels.",
        ),
        (
            "a0: &a0 [1]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 3000)),
            "Values are nested more than 20 deep (mine.yaml, line 1). A plan needs no more than six levels.",
        ),
        (
            "a: [" + "1, " * 30_000 + "1]\n",
            "There are more than 20000 values, each counted as often as it is repeated by an alias "
            "(mine.yaml, line 1). Write fewer, or several plans.",
        ),
        ("#" * 1_000_001, "'mine.yaml' is longer than 1000000 bytes. A plan is settings alone: put data into files."),
    ],
)  # fmt: skip
def test_what_no_plan_means_is_told_with_its_line(text, expected):
    assert message(text) == expected


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join([f'*{chr(97 + i)}'] * 9)}]\n" for i in range(9)
)
MERGE_BOMB = "b0: &b0 {p: 1}\n" + "".join(
    f"b{i}: &b{i} {{<<: [{','.join([f'*b{i - 1}'] * 20)}]}}\n" for i in range(1, 9)
)


@pytest.mark.parametrize("text", [BOMB, MERGE_BOMB], ids=["aliases", "merges"])
def test_a_bomb_is_refused_before_it_goes_off(text):
    started = time.process_time()
    assert message(text).startswith("There are more than 20000 values, ")
    assert time.process_time() - started < 2


def test_as_many_values_as_are_allowed_are_read():
    assert len(data("[" + "1, " * 19_998 + "1]")) == 19_999


def test_twenty_levels_are_read():
    deepest = data("[" * 19 + "1" + "]" * 19)
    for _ in range(19):
        [deepest] = deepest
    assert deepest == 1


def test_a_long_text_is_shown_by_its_beginning():
    assert short("x" * 60) == "x" * 60
    assert short("x" * 61) == "x" * 57 + "..."
