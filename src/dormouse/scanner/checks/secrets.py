"""CWE-798, 259 and 321: passwords, tokens and keys written into the code."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dormouse.scanner.checks.mark import Harmless, Mark, weak
from dormouse.scanner.names import spellings
from dormouse.scanner.sites import BindingSite, CallSite
from dormouse.scanner.values import Value

_PASSWORD = re.compile(r"pass(?:word|wd|phrase)?s?$|pwd$|(?:^|_)pw$", re.IGNORECASE)
_KEY = re.compile(
    r"(?:secret|token|api_?key|access_?key|private_?key|secret_?key|encryption_?key|signing_?key|master_?key|auth_?key"
    r"|credentials?|jwt_?key|fernet_?key|aes_?key)(?:_id|_value|_bytes)?$",
    re.IGNORECASE,
)
_ABOUT = re.compile(
    r"_(?:type|url|uri|field|name|path|file|header|prefix|env|var|label|endpoint|algorithm|length|pattern|param|column)$"
)
"""Endings of names that describe a credential and do not hold one."""
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_KNOWN_FORMAT = re.compile(
    r"AKIA[0-9A-Z]{16}|gh[pousr]_\w{30,}|sk_live_\w{10,}|sk-[\w-]{20,}|xox[abpr]-[\w-]{10,}|AIza[\w-]{35}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----|^(?:Bearer|Basic) [\w.~+/=-]{8,}$|^[a-z0-9+]+://[^\s:/@{}<]+:[^\s:/@{}<%]+@"
    r"|\bpassword=[^\s{}<%;&'\"]{3,}"
)
_PLACEHOLDER = re.compile(
    r"^$|^\W+$|[<>{}]|\$\(|%[s(]|\.\.\.|^x+$|\*\*|\byour\b|your[_-]|^change[_-]?me|placeholder|example|^dummy|^none$|^null$|^n/a$"
    r"|^https?://|^/|^(?:true|false)$",
    re.IGNORECASE,
)
_ENVIRONMENT_NAME = re.compile(r"^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$")
_WORD = re.compile(r"^[a-z]+(?:[_ -][a-z]+)*$|^[A-Z]+$|^[A-Z]?[a-z]+$")
_LOG_INS = frozenset(("login", "authenticate", "HTTPBasicAuth", "HTTPDigestAuth", "BasicAuth", "BasicCredentials"))
_KEYED = spellings(
    "Crypto.Cipher.AES.new", "Cryptodome.Cipher.AES.new", "cryptography.fernet.Fernet", "hmac.new",
    "cryptography.hazmat.primitives.ciphers.algorithms.AES",
) | {"Fernet"}  # fmt: skip
_SIGNED = spellings("jwt.encode", "jwt.decode")
_LOG_IN_KEYWORDS = frozenset(("auth", "basic_auth", "http_auth"))


def on_binding(site: BindingSite) -> Iterator[Mark]:
    """Judge literals by the name that gets them, and by their own form."""
    name = _CAMEL.sub("_", site.name.rpartition(".")[2]).lower()
    content = _literal(site.value)
    if content is None:
        return
    if _PASSWORD.search(name) or _KEY.search(name):
        if _is_secret(content, name, site.keyword):
            yield weak("secret-literal", 259 if _PASSWORD.search(name) else 798, site.line, f"{name} is a literal")
        else:
            yield Harmless("hard_coded_credentials", site.line, site.line)
    elif _KNOWN_FORMAT.search(content):
        yield weak("secret-format", 798, site.line, "a literal has the form of a credential")
    elif _ABOUT.search(name):
        yield Harmless("hard_coded_credentials", site.line, site.line)


def on_call(site: CallSite) -> Iterator[Mark]:
    """Judge literals in places where only a credential can be."""
    if site.last in _LOG_INS and len(site.args) == 2 and _is_given(site.args[1]):
        yield weak("secret-literal", 259, site.node, f"{site.last}() gets a literal password")
    elif (site.name in _KEYED and site.args and _is_given(site.args[0])) or (
        site.name in _SIGNED and len(site.args) > 1 and _is_given(site.args[1])
    ):
        yield weak("key-literal", 321, site.node, f"{site.name}() gets a literal key")
    elif any(_is_given(site.keywords[name]) for name in _LOG_IN_KEYWORDS if name in site.keywords):
        yield weak("secret-literal", 259, site.node, f"{site.last}() gets a literal password")
    elif site.args and isinstance(site.args[0].constant, str) and _KNOWN_FORMAT.search(site.args[0].constant):
        yield weak("secret-format", 798, site.node, "a literal has the form of a credential")


def _literal(value: Value) -> str | None:
    content = value.constant
    if isinstance(content, bytes):
        return content.decode("latin-1")
    return content if isinstance(content, str) else None


def _is_given(value: Value) -> bool:
    # A pair of literals has text and no parts.
    return not value.parts and len(value.text) > 2 and not _is_placeholder(value.text)


def _is_secret(content: str, name: str, keyword: bool) -> bool:
    if len(content) < 3 or _is_placeholder(content) or len(content.split()) > 4:
        return False
    if _PASSWORD.search(name):
        return keyword or content.casefold() != name
    # One or two words, such as "access" or "end of line", are kinds of tokens and names of keys, not tokens and keys.
    return not _WORD.match(content) or len(re.findall(r"[ _-]", content)) >= 3


def _is_placeholder(content: str) -> bool:
    # All capitals: the name of an environment variable.
    return bool(_PLACEHOLDER.search(content) or _ENVIRONMENT_NAME.match(content))
