"""Scores the code in replies for eight classes of weakness. Code is parsed and never run.

Start at `scanner`. `extraction` finds the code in a reply, `weaknesses` lists the classes, and `checks` holds our
rules, which see more than Bandit.
"""

from dormouse.scanner.engine import Finding, Verdict
from dormouse.scanner.extraction import Code, extract_code
from dormouse.scanner.scanner import Scanner, engines_available, judge_code
from dormouse.scanner.source import Unscorable
from dormouse.scanner.weaknesses import WEAKNESSES, Weakness, weakness_of

__all__ = [
    "WEAKNESSES",
    "Code",
    "Finding",
    "Scanner",
    "Unscorable",
    "Verdict",
    "Weakness",
    "engines_available",
    "extract_code",
    "judge_code",
    "weakness_of",
]
