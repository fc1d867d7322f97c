"""Runs our own rules in process. Unlike Bandit, they follow values through a function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import dormouse
from dormouse.scanner.checks import (
    certificates,
    crypto,
    deserialization,
    html,
    paths,
    secrets,
    shell,
    sql,
)
from dormouse.scanner.checks.mark import Harmless, Mark, Rule
from dormouse.scanner.engine import Engine, Finding
from dormouse.scanner.flow import find_sites
from dormouse.scanner.sites import (
    BindingSite,
    CallSite,
    ReturnSite,
    Site,
    TextSite,
)
from dormouse.scanner.source import Source

_RULES: dict[type[Site], tuple[Rule, ...]] = {
    CallSite: (
        sql.on_call,
        shell.on_call,
        html.on_call,
        paths.on_call,
        deserialization.on_call,
        crypto.on_call,
        secrets.on_call,
        certificates.on_call,
    ),
    ReturnSite: (html.on_return,),
    TextSite: (sql.on_text,),
    BindingSite: (secrets.on_binding, certificates.on_binding, crypto.on_binding),
}


class RulesEngine(Engine):
    """Runs the rules in `checks`."""

    name: ClassVar[str] = "rules"

    def version(self) -> str:
        """Return this package's version: the rules come with it."""
        return dormouse.__version__

    def scan(self, sources: Sequence[Source]) -> list[list[Finding]]:
        """Return the findings of each snippet."""
        return [self.examine(source)[0] for source in sources]

    def examine(self, source: Source) -> tuple[list[Finding], list[Harmless]]:
        """Return the findings of one snippet, and the lines that only look weak."""
        # A place in two branches of a loop or a tuple is seen twice.
        marks: dict[Mark, None] = {}
        for site in find_sites(source.tree):
            for rule in _RULES[type(site)]:
                marks.update(dict.fromkeys(rule(site)))
        findings = [mark for mark in marks if isinstance(mark, Finding)]
        return findings, [mark for mark in marks if isinstance(mark, Harmless)]
