"""CWE-295: connections that accept any certificate, host name or host key."""

from __future__ import annotations

from collections.abc import Iterator

from dormouse.scanner.checks.mark import Mark, weak
from dormouse.scanner.names import spellings
from dormouse.scanner.sites import BindingSite, CallSite
from dormouse.scanner.values import Value

_UNVERIFIED = spellings("ssl._create_unverified_context", "ssl._create_stdlib_context") | {"_create_unverified_context"}
_OFF_WHEN_FALSE = frozenset(
    ("verify", "verify_ssl", "ssl_verify", "verify_certs", "validate_certs", "check_hostname", "ssl_verification")
) | frozenset(("assert_hostname", "ssl_assert_hostname", "validate_cert", "verify_cert", "verify_hostname"))
_OFF_WHEN_TRUE = frozenset(
    ("tlsAllowInvalidCertificates", "tlsInsecure", "tlsAllowInvalidHostnames", "insecure_skip_verify")
)
_SIGNATURES = frozenset(("jwt", "jws", "jose", "itsdangerous"))
"""Packages whose `verify` is about a signature (CWE-347)."""
_NO_CHECK = frozenset(("CERT_NONE", "VERIFY_NONE"))
_ANY_HOST_KEY = frozenset(("AutoAddPolicy", "WarningPolicy"))
_CONNECTS = frozenset(
    ("get", "post", "put", "delete", "patch", "head", "options", "request", "ws_connect", "TCPConnector")
)
_CURL_CHECKS = frozenset(("SSL_VERIFYPEER", "SSL_VERIFYHOST", "PROXY_SSL_VERIFYPEER"))


def on_call(site: CallSite) -> Iterator[Mark]:
    """Judge calls that open connections or set what is checked."""
    if site.name in _UNVERIFIED:
        yield weak("tls-unverified-context", 295, site.node, "the context checks no certificate")
    elif site.last == "wrap_socket" and site.name.startswith("ssl.") and _wraps_unchecked(site):
        yield weak("tls-unverified-context", 295, site.node, "ssl.wrap_socket() checks no certificate unless told to")
    elif site.last == "set_verify" and any(_last(value) in _NO_CHECK for value in site.args):
        yield weak("tls-no-check", 295, site.node, "the context checks no certificate")
    elif site.last == "set_missing_host_key_policy" and any(
        _last(value).removesuffix("()") in _ANY_HOST_KEY for value in site.args
    ):
        # MITRE has no id for host keys of SSH; Bandit and CodeQL report this one.
        yield weak("ssh-any-host-key", 295, site.node, "any host key is taken")
    elif site.last == "setopt" and len(site.args) == 2 and _last(site.args[0]) in _CURL_CHECKS:
        if site.args[1].constant in (0, False):
            yield weak("tls-no-check", 295, site.node, f"{_last(site.args[0])} is off")
    elif site.last == "tls_insecure_set" and site.args and site.args[0].constant is True:
        yield weak("tls-no-check", 295, site.node, "the host name is not checked")
    elif site.last in _CONNECTS and site.constant("ssl") is False:
        yield weak("tls-no-check", 295, site.node, "ssl=False checks no certificate")


def on_binding(site: BindingSite) -> Iterator[Mark]:
    """Judge keywords and attributes that switch checks off."""
    words = site.name.split(".")
    if words[0] in _SIGNATURES or not _bound(site):
        return
    last, content = words[-1], site.value.constant
    if last in _OFF_WHEN_FALSE and content is False:
        yield weak("tls-no-check", 295, site.line, f"{last} is off")
    elif last in _OFF_WHEN_TRUE and content is True:
        yield weak("tls-no-check", 295, site.line, f"{last} is on")
    elif last in ("verify_mode", "cert_reqs", "ssl_cert_reqs") and _checks_nothing(site.value):
        yield weak("tls-no-check", 295, site.line, "no certificate is asked for")
    elif last == "_create_default_https_context" and _last(site.value) == "_create_unverified_context":
        yield weak("tls-unverified-context", 295, site.line, "no certificate is checked anywhere in the program")


def _bound(site: BindingSite) -> bool:
    # A bare variable called `verify` switches nothing off; the keyword that it is passed to does.
    return site.keyword or "." in site.name or site.name not in _OFF_WHEN_FALSE | _OFF_WHEN_TRUE


def _checks_nothing(value: Value) -> bool:
    return _last(value) in _NO_CHECK or value.text in _NO_CHECK or value.constant in (0,)


def _wraps_unchecked(site: CallSite) -> bool:
    return "cert_reqs" not in site.keywords and site.constant("server_side") is not True and len(site.args) < 5


def _last(value: Value) -> str:
    return value.symbol.rpartition(".")[2]
