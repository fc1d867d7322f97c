"""CWE-89: a query that holds the caller's text instead of a parameter."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dormouse.scanner.checks.mark import Mark, harmless, weak
from dormouse.scanner.sites import CallSite, TextSite
from dormouse.scanner.values import Trust

_RUN = frozenset(("execute", "executemany", "executescript", "execute_async", "exec_driver_sql", "raw", "RawSQL"))
_FETCH = frozenset(("fetch", "fetchrow", "fetchval", "fetch_all", "fetch_one", "fetch_val", "iterate"))
_READ = frozenset(("read_sql", "read_sql_query", "text", "extra", "raw_sql", "query", "prepare"))
_QUERY = re.compile(
    r"\b(select\b.*\bfrom|insert\s+into|update\b.*\bset|delete\s+from|drop\s+(table|database|view|index)|create\s+table"
    r"|alter\s+table|where|order\s+by|union\s+select|values\s*\(|replace\s+into|truncate\s+table|pragma)\b",
    re.IGNORECASE | re.DOTALL,
)


def on_call(site: CallSite) -> Iterator[Mark]:
    """Judge queries that are sent to a database."""
    if site.last not in _RUN | _FETCH | _READ:
        return
    query = site.argument(0, "sql", "query", "statement", "operation")
    if query is None:
        return
    queried = site.last in _RUN or bool(_QUERY.search(query.text))
    composed = query.composed and query.unsafe_for("sql") and bool(_QUERY.search(query.text))
    if composed or (queried and query.unsafe_for("sql", Trust.CLIENT)):
        yield weak("sql-text", 89, site.node, f"{site.last}() gets a query that holds text of the caller")


def on_text(site: TextSite) -> Iterator[Mark]:
    """Clear queries that are put together from constants and harmless parts."""
    if site.value.harmless_for("sql") and _QUERY.search(site.value.text):
        yield harmless("sql_injection", site.node)
