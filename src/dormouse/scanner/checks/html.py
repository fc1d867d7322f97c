"""CWE-79: the caller's text in a page, without escaping."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from dormouse.scanner.checks.mark import Mark, harmless, weak
from dormouse.scanner.sites import CallSite, ReturnSite
from dormouse.scanner.values import Trust, Value

_TAG = re.compile(
    r"</?(?:!doctype|html|head|body|h[1-6]|p|div|span|a|b|i|u|em|strong|small|ul|ol|li|dl|dt|dd|table|thead|tbody|tr"
    r"|td|th|title|script|style|img|input|form|pre|code|option|select|button|label|textarea|section|article|header|footer"
    r"|main|nav|br|hr|blockquote|iframe|meta|link|svg|center|font|mark)\b",
    re.IGNORECASE,
)
_MARKUP = frozenset(("Markup", "mark_safe", "SafeString", "SafeText", "SafeUnicode", "SafeBytes", "literal"))
_PAGES = frozenset(("HttpResponse", "HTMLResponse", "Response", "make_response", "HttpResponseBadRequest"))
_ALWAYS_HTML = frozenset(("HttpResponse", "HTMLResponse", "make_response"))
_WRITES = frozenset(("write", "finish", "send", "write_html", "html"))
_ENVIRONMENTS = frozenset(
    ("Environment", "jinja2.Environment", "jinja2.environment.Environment", "SandboxedEnvironment")
)
_TEMPLATES = frozenset(("Template()", "from_string()"))
_TYPES = ("content_type", "mimetype", "media_type")


def on_return(site: ReturnSite) -> Iterator[Mark]:
    """Judge returned text: a page put together from text, or a client's text as the page."""
    if _is_page(site.value) or (site.page and site.value.unsafe_for("html", Trust.CLIENT) and not _is_data(site)):
        yield weak("html-text", 79, site.node, "a page is returned that holds text of the caller, not escaped")


def on_call(site: CallSite) -> Iterator[Mark]:
    """Judge responses, markup and templates."""
    first = site.argument(0, "content", "response", "source", "template_string", "text")
    if site.last in _MARKUP and first is not None:
        if first.unsafe_for("html"):
            yield weak("html-marked-safe", 79, site.node, f"{site.last}() gets text of the caller, not escaped")
        elif first.harmless_for("html"):
            yield harmless("cross_site_scripting", site.node)
    elif site.last in _PAGES and first is not None and not _says_not_html(site):
        if _is_page(first) or (site.last in _ALWAYS_HTML and first.unsafe_for("html", Trust.CLIENT)):
            yield weak("html-response", 79, site.node, f"{site.last}() gets text of the caller, not escaped")
    elif site.last in _WRITES and first is not None and _is_page(first):
        yield weak("html-written", 79, site.node, f"{site.last}() gets a page that holds text of the caller")
    yield from _on_template(site, first)


def _on_template(site: CallSite, first: Value | None) -> Iterator[Mark]:
    if site.last == "render_template_string" and first is not None and first.unsafe_for("html"):
        yield weak("html-template-text", 79, site.node, "a template is put together from text of the caller")
    elif site.name in _ENVIRONMENTS and _escapes_nothing(site):
        yield weak("html-autoescape-off", 79, site.node, "a Jinja environment escapes nothing unless told to")
    elif site.last == "render" and site.receiver is not None and site.receiver.symbol == "Template()":
        filled = [*site.args, *site.keywords.values()]
        if _TAG.search(site.receiver.text) and any(value.unsafe_for("html") for value in filled):
            yield weak("html-autoescape-off", 79, site.node, "a Jinja template by itself escapes nothing")


def _escapes_nothing(site: CallSite) -> bool:
    return "**" not in site.keywords and ("autoescape" not in site.keywords or site.constant("autoescape") is False)


def _is_page(value: Value) -> bool:
    return value.composed and value.unsafe_for("html") and bool(_TAG.search(value.text)) and not _is_markup(value)


def _is_markup(value: Value) -> bool:
    # `Markup("<b>%s</b>") % text` escapes; text inside the markup itself is judged where the markup is made.
    return value.symbol == "Markup()"


def _is_data(site: ReturnSite) -> bool:
    # Flask turns dictionaries and lists into JSON.
    return isinstance(site.node.value, (ast.Dict, ast.List, ast.Call))


def _says_not_html(site: CallSite) -> bool:
    types = [site.keywords[name].text for name in _TYPES if name in site.keywords]
    return any(text and "html" not in text for text in types)
