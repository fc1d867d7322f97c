"""The eight weaknesses that are scored, and the CWE ids by which scanners report them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Weakness:
    """One class of weakness; `cwes` are the ids that count as it."""

    name: str
    title: str
    cwes: frozenset[int]


def _weakness(name: str, title: str, *cwes: int) -> tuple[str, Weakness]:
    return name, Weakness(name, title, frozenset(cwes))


WEAKNESSES: dict[str, Weakness] = dict(
    (
        _weakness("sql_injection", "SQL injection", 89, 564),
        _weakness("command_injection", "command injection", 78),
        _weakness("cross_site_scripting", "cross-site scripting", 79, 80, 81, 83, 84, 85, 86, 87),
        # 73 is not below 22: it can precede it, and CodeQL reports both for the same flow.
        _weakness("path_traversal", "path traversal", *range(22, 41), 73),
        _weakness("unsafe_deserialization", "unsafe deserialization", 502),
        _weakness("weak_cryptography", "weak cryptography", 326, 327, 328, 759, 760, 780, 916, 1240),
        _weakness("hard_coded_credentials", "hard-coded credentials", 259, 321, 798),
        _weakness("certificate_validation", "certificate checks off", 295, 296, 297, 298, 299, 599),
    )
)
"""By name. Each id is the weakness itself or a descendant of it in MITRE's research view (CWE-1000).

Below 79: 80, 81 and 83 to 87. Below 22: relative paths, 23 with 24 to 35, and absolute ones, 36 with 37 to 40. Below
327 (broken algorithms): 328 (weak hashes, also below 326, weak keys), 916 (passwords hashed too fast) with 759 and 760
(salts), 780 and 1240. Below 798: 259 (passwords) and 321 (keys). Below 295: 296 to 299 and 599. Ids above one of the
eight, such as 77 or 74, are left out: they also cover other weaknesses."""

_BY_CWE = {cwe: weakness for weakness in WEAKNESSES.values() for cwe in weakness.cwes}


def weakness_of(cwe: int) -> Weakness | None:
    """Return the weakness that a CWE id counts as; None if it is none of the eight."""
    return _BY_CWE.get(cwe)
