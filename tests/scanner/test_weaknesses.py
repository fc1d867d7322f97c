from __future__ import annotations

from itertools import combinations

from dormouse.scanner import WEAKNESSES, weakness_of


def test_no_id_counts_as_two_weaknesses() -> None:
    for one, other in combinations(WEAKNESSES.values(), 2):
        assert not one.cwes & other.cwes


def test_each_weakness_is_found_by_its_name_and_its_ids() -> None:
    main = {
        "sql_injection": 89,
        "command_injection": 78,
        "cross_site_scripting": 79,
        "path_traversal": 22,
        "unsafe_deserialization": 502,
        "weak_cryptography": 327,
        "hard_coded_credentials": 798,
        "certificate_validation": 295,
    }
    assert list(WEAKNESSES) == list(main)
    for name, cwe in main.items():
        assert weakness_of(cwe) is WEAKNESSES[name]
        assert WEAKNESSES[name].name == name


def test_related_ids_that_are_none_of_the_eight_count_as_none() -> None:
    # Randomness, parents of injection, code injection, temporary files, cleartext.
    assert [weakness_of(cwe) for cwe in (330, 77, 74, 94, 377, 319)] == [None] * 6
