"""Follows text through well-known calls: some make it harmless, some pass it on, some put it together."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence

from dormouse.scanner.names import spellings, tail
from dormouse.scanner.values import (
    UNKNOWN,
    USES,
    Part,
    Trust,
    Value,
    compose,
    known_as,
    merge,
)

_HTML = frozenset(("html",))
_PATH = frozenset(("path",))
_SHELL = frozenset(("shell",))
_SQL = frozenset(("sql",))

_HARMLESS = {
    # A number, a digest or an identifier of fixed form carries no text of the caller.
    **dict.fromkeys(
        ("int", "float", "bool", "len", "ord", "round", "hash", "abs", "sum", "UUID", "uuid4", "hexdigest", "Decimal"),
        USES,
    ),
    **dict.fromkeys(("isoformat", "timestamp", "token_hex", "token_urlsafe", "isdigit", "isalnum"), USES),
    **dict.fromkeys(
        ("conditional_escape", "escape_html", "html_escape", "format_html", "strip_tags", "quoteattr"), _HTML
    ),
    **dict.fromkeys(("urlencode", "quote_plus", "json_script", "sanitize_html"), _HTML),
    **dict.fromkeys(("basename", "secure_filename", "get_valid_filename", "safe_join", "sanitize_filename"), _PATH),
    **dict.fromkeys(("Identifier", "Literal", "quote_ident", "quote_identifier", "escape_string", "mogrify"), _SQL),
    **dict.fromkeys(("quote_name", "literal_column_name", "placeholder", "bindparam"), _SQL),
    "escape": _HTML | _SQL,
    "clean": _HTML,
    "quote": _SHELL | _HTML,
    "list2cmdline": _SHELL,
}
"""Last word of a call -> the uses its result is harmless for."""
_NOT_HARMLESS = spellings("re.escape", "glob.escape")

_RESOLVE = frozenset(("abspath", "realpath", "normpath", "resolve", "absolute"))
PATHS = frozenset(("Path", "PurePath", "PosixPath", "PurePosixPath", "WindowsPath"))
_PASS_ON = frozenset((
    "str", "bytes", "bytearray", "list", "tuple", "set", "frozenset", "sorted", "reversed", "iter", "next", "repr",
    "unquote", "unquote_plus", "unescape", "b64decode", "urlsafe_b64decode", "expanduser", "fspath", "dedent", "text",
    "Markup", "mark_safe", "SafeString", "SafeText", "SQL", "TextClause", "Template", "from_string", "cast",
))  # fmt: skip
"""Functions whose result contains their first argument."""
_METHODS = frozenset((
    "strip", "lstrip", "rstrip", "lower", "upper", "title", "capitalize", "casefold", "encode", "decode", "split",
    "rsplit", "splitlines", "get", "getlist", "get_list", "pop", "removeprefix", "removesuffix", "zfill", "expandtabs",
    "read", "getvalue", "items", "values", "keys", "copy", "expanduser", "as_posix", "with_suffix",
))  # fmt: skip
"""Methods whose result contains the object they are called on."""
_COMPOSE = frozenset(
    ("format", "format_map", "join", "replace", "substitute", "safe_substitute", "joinpath", "with_name")
)
_ASKED = spellings("sys.stdin.read", "sys.stdin.readline", "click.prompt", "getpass.getpass") | {"input", "raw_input"}
_REQUESTED = frozenset(("get_argument", "get_query_argument", "get_body_argument", "get_arguments", "get_cookie"))

REQUESTS = frozenset(("request", "req", "flask.request", "self.request", "bottle.request", "sanic.request"))
_REQUEST_DATA = frozenset(
    ("args", "form", "values", "json", "data", "cookies", "headers", "files", "body", "query", "params", "url", "path")
) | frozenset(("get_json", "get_data", "query_string", "full_path", "rel_url", "arguments", "referrer", "user_agent"))
_CLIENT_DATA = frozenset(
    ("GET", "POST", "FILES", "COOKIES", "META", "query_params", "path_params", "view_args", "match_info", "filename")
)
"""Attributes that hold a client's data, whatever the object is called."""

_TEXT_CONVERSION = re.compile(r"%(?!%|[-+ #0]*\d*(?:\.\d+)?[diouxXeEfFgGc])")
"""A conversion of a %-format that takes text."""


def from_client(base: str, attribute: str) -> Value | None:
    """Return the value of this attribute of `base` if that is text from a client."""
    if attribute in _CLIENT_DATA or (base in REQUESTS and attribute in _REQUEST_DATA):
        return Value(frozenset({Part(f"{base}.{attribute}", Trust.CLIENT)}), symbol=f"{base}.{attribute}")
    return None


def result_of(
    call: ast.Call, name: str, receiver: Value | None, args: Sequence[Value], keywords: Mapping[str, Value]
) -> Value:
    """Return the value of a call's result; `receiver` is the object that a method is called on."""
    last = tail(name)
    everything = [*args, *keywords.values()]
    if last in _HARMLESS and name not in _NOT_HARMLESS:
        return merge([*([receiver] if receiver else []), *everything]).safe_for(_HARMLESS[last])
    if name in _ASKED:
        return Value(frozenset({Part(name, Trust.CALLER)}))
    if last in _REQUESTED:
        return Value(frozenset({Part(name, Trust.CLIENT)}))
    if last in _COMPOSE:
        return _put_together(name, receiver, args, everything)
    if last in _RESOLVE:
        return (args[0] if args else receiver or UNKNOWN).resolved()
    if last in PATHS:
        return _named(compose(args), last)
    if name.startswith(("json.", "ujson.", "orjson.")) and args:
        return args[0]
    if last in _PASS_ON and args:
        return _named(args[0], last)
    if last in _METHODS and receiver is not None:
        return receiver
    return known_as(f"{name}()")


def _named(value: Value, last: str) -> Value:
    return Value(value.parts, value.text, value.composed, symbol=f"{last}()")


def _put_together(name: str, receiver: Value | None, args: Sequence[Value], everything: Sequence[Value]) -> Value:
    if name == "shlex.join":
        return merge(everything).safe_for(_SHELL)
    if name in ("os.path.join", "path.join", "posixpath.join") or receiver is None:
        return compose(args)
    if tail(name) == "join":
        # The separator comes between the pieces, so the first piece leads.
        return compose([merge(args), receiver])
    return put_into(receiver, merge(everything))


def put_into(template: Value, filling: Value) -> Value:
    """Fill a template (a format string, markup, a query) with a value."""
    if template.symbol in ("Markup()", "SafeString()"):
        filling = filling.safe_for(_HTML)
    elif template.symbol == "SQL()":
        filling = filling.safe_for(_SQL)
    if (
        isinstance(template.constant, str)
        and "%" in template.constant
        and not _TEXT_CONVERSION.search(template.constant)
    ):
        filling = filling.safe_for(USES)
    whole = compose([template, filling])
    return Value(whole.parts, whole.text, whole.composed, whole.constant, template.symbol)
