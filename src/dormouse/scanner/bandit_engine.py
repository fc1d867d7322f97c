"""Runs Bandit in process, on trees that are already parsed: no file is written, and its tests are loaded once.

`COUNTED` lists the tests that count, and the weakness of each. `# nosec` comments have no effect: a model could write
one.
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, ClassVar

from dormouse.scanner.engine import Engine, Finding
from dormouse.scanner.source import Source
from dormouse.scanner.weaknesses import weakness_of

COUNTED: dict[str, int | None] = {
    "B105": None,  # password in a string
    "B106": None,  # password in a keyword
    "B107": None,  # password as a default
    "B202": None,  # tarfile.extractall without a filter
    "B301": None,  # pickle and what wraps it
    "B302": None,  # marshal
    "B303": None,  # MD2, MD4, MD5, SHA1 of cryptography and PyCryptodome
    "B304": None,  # broken ciphers
    "B305": None,  # ECB
    "B323": None,  # unverified TLS context
    "B324": None,  # hashlib
    "B501": None,  # requests and httpx with verify=False
    "B502": None,  # old TLS
    "B503": None,  # old TLS as a default
    "B505": None,  # short keys
    "B506": 502,  # yaml.load: Bandit files it under improper input validation, CWE-20
    "B507": None,  # any SSH host key
    "B602": None,  # subprocess with a shell
    "B605": None,  # os.system and its like
    "B608": None,  # query put together from strings
    "B610": None,  # Django's extra()
    "B611": None,  # Django's RawSQL
    "B614": None,  # torch.load
    "B701": 79,  # Jinja without escaping: Bandit files it under code injection, CWE-94
    "B702": None,  # Mako
    "B703": None,  # mark_safe
    "B704": None,  # Markup
}
"""Test -> the CWE it counts as, or None for Bandit's own.

Some tests with the CWE of one of the eight weaknesses are left out, because they say nothing about the code at hand:
B403 and B413 flag an import, B404 the import of subprocess, B603, B606 and B607 a program started *without* a shell,
B604 any `shell=True` of any function, B601 every `exec_command` whatever its text, B310 every `urlopen` (as CWE-22),
B504 a call that names no protocol, B308 `mark_safe` of a constant too (B703 looks at it), and B102 `exec`, which is
CWE-94. Where the text matters, our own rules find what these tests would."""
_ONLY_HARMFUL = frozenset(("B202", "B602", "B605"))
"""Tests whose findings of low severity do not count: a constant command, or an archive with a filter."""


_NAME = "./snippet.py"
"""The file name that Bandit gets. No such file is opened: Bandit takes a name with a folder in it as it is."""


class BanditEngine(Engine):
    """Bandit, with the tests in `COUNTED`."""

    name: ClassVar[str] = "bandit"

    def __init__(self) -> None:
        self._visitor, self._meta, self._tests, self._metrics = _load()

    def version(self) -> str:
        """Return Bandit's version."""
        return version("bandit")

    def scan(self, sources: Sequence[Source]) -> list[list[Finding]]:
        """Return the findings of each snippet."""
        return [self._scan(source) for source in sources]

    def _scan(self, source: Source) -> list[Finding]:
        visitor = self._visitor(_NAME, io.BytesIO(), self._meta, self._tests, False, {}, self._metrics)
        visitor.generic_visit(source.tree)
        found = (_finding(issue) for issue in visitor.tester.results)
        return list(dict.fromkeys(finding for finding in found if finding is not None))


def _finding(issue: Any) -> Finding | None:
    if issue.test_id in _ONLY_HARMFUL and issue.severity == "LOW":
        return None
    cwe = COUNTED[issue.test_id] or int(issue.cwe.id)
    return Finding("bandit", issue.test_id, cwe, issue.lineno, issue.text) if weakness_of(cwe) else None


def _load() -> tuple[Any, Any, Any, Any]:
    formatting = warnings.formatwarning
    with warnings.catch_warnings():
        # Bandit loads its tests with stevedore, in a way that stevedore has deprecated.
        warnings.simplefilter("ignore", DeprecationWarning)
        # Inside the block, because the import warns and changes how all warnings are shown.
        from bandit.core.config import BanditConfig
        from bandit.core.meta_ast import BanditMetaAst
        from bandit.core.metrics import Metrics
        from bandit.core.node_visitor import BanditNodeVisitor
        from bandit.core.test_set import BanditTestSet
    # Bandit replaces the format of all warnings of the process when it is imported.
    warnings.formatwarning = formatting
    # Its log is for users of its command line. A Bandit test that fails on odd code then reports nothing.
    logging.getLogger("bandit").setLevel(logging.CRITICAL + 1)
    tests = BanditTestSet(BanditConfig(), {"include": list(COUNTED)})
    metrics = Metrics()
    metrics.begin(_NAME)
    return BanditNodeVisitor, BanditMetaAst(), tests, metrics
