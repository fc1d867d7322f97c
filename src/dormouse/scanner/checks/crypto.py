"""CWE-327, 328 and 326: broken ciphers, modes and protocols, broken hashes, short keys."""

from __future__ import annotations

from collections.abc import Iterator

from dormouse.scanner.checks.mark import Mark, harmless, weak
from dormouse.scanner.names import spellings
from dormouse.scanner.sites import BindingSite, CallSite
from dormouse.scanner.values import Value

_HASHES = frozenset(("md2", "md4", "md5", "sha", "sha1", "ripemd160"))
_PACKAGES = ("Crypto", "Cryptodome")
_HASH_CALLS = spellings(
    *(f"hashlib.{name}" for name in _HASHES),
    *(f"{package}.Hash.{name}.new" for package in _PACKAGES for name in ("MD2", "MD4", "MD5", "SHA", "SHA1")),
    "cryptography.hazmat.primitives.hashes.MD5", "cryptography.hazmat.primitives.hashes.SHA1", "md5.new", "sha.new",
)  # fmt: skip
_CIPHERS = ("ARC2", "ARC4", "Blowfish", "CAST", "DES", "DES3", "XOR")
_ALGORITHMS = ("ARC4", "Blowfish", "CAST5", "IDEA", "SEED", "TripleDES", "RC2")
_CIPHER_CALLS = spellings(
    *(f"{package}.Cipher.{name}.new" for package in _PACKAGES for name in _CIPHERS),
    *(f"cryptography.hazmat.primitives.ciphers.algorithms.{name}" for name in _ALGORITHMS),
    "cryptography.hazmat.primitives.ciphers.modes.ECB", "pyDes.des", "pyDes.triple_des",
)  # fmt: skip
_ECB = "MODE_ECB"
_PROTOCOLS = frozenset(("PROTOCOL_SSLv2", "PROTOCOL_SSLv3", "PROTOCOL_TLSv1", "PROTOCOL_TLSv1_1", "SSLv2_METHOD"))
_METHODS = frozenset(("SSLv3_METHOD", "TLSv1_METHOD", "TLSv1_1_METHOD"))
_OLD_VERSIONS = frozenset(("SSLv3", "TLSv1", "TLSv1_1", "MINIMUM_SUPPORTED"))
_KEYS = spellings(
    "Crypto.PublicKey.RSA.generate", "Cryptodome.PublicKey.RSA.generate", "Crypto.PublicKey.DSA.generate",
    "cryptography.hazmat.primitives.asymmetric.rsa.generate_private_key",
    "cryptography.hazmat.primitives.asymmetric.dsa.generate_private_key",
)  # fmt: skip
SHORTEST_KEY = 2048
"""Shortest RSA or DSA key, in bits (NIST SP 800-131A)."""
FEWEST_ITERATIONS = 1_000
"""Fewest iterations of PBKDF2 that RFC 8018 (section 4.2) recommends."""


def on_call(site: CallSite) -> Iterator[Mark]:
    """Judge hashes, ciphers, protocols and key sizes."""
    if _is_weak_hash(site):
        if site.constant("usedforsecurity") is False:
            yield harmless("weak_cryptography", site.node)
        else:
            yield weak("weak-hash", 328, site.node, f"{site.name}() is a broken hash")
    elif site.name in _CIPHER_CALLS:
        yield weak("weak-cipher", 327, site.node, f"{site.name}() is a broken cipher or mode")
    elif any(_last(value) == _ECB for value in (*site.args, *site.keywords.values())):
        yield weak("weak-mode", 327, site.node, "ECB shows which blocks are equal")
    elif any(_last(value) in _PROTOCOLS | _METHODS for value in (*site.args, *site.keywords.values())):
        yield weak("weak-protocol", 327, site.node, "the protocol is broken or deprecated (RFC 8996)")
    elif site.name in _KEYS:
        yield from _on_key_size(site)
    elif site.last == "pbkdf2_hmac":
        yield from _on_derivation(site)


def on_binding(site: BindingSite) -> Iterator[Mark]:
    """Judge the lowest protocol that a TLS context accepts."""
    if site.name.rpartition(".")[2] == "minimum_version" and _last(site.value) in _OLD_VERSIONS:
        yield weak("weak-protocol", 327, site.line, "the protocol is broken or deprecated (RFC 8996)")


def _is_weak_hash(site: CallSite) -> bool:
    if site.name in _HASH_CALLS:
        return True
    algorithm = site.argument(0, "name")
    return site.name == "hashlib.new" and algorithm is not None and algorithm.text.lower().replace("-", "") in _HASHES


def _on_key_size(site: CallSite) -> Iterator[Mark]:
    # The cryptography package takes the public exponent first.
    position = 1 if site.last == "generate_private_key" and site.args and "rsa" in site.name else 0
    bits = site.argument(position, "key_size", "bits")
    if bits is not None and isinstance(bits.constant, int) and 0 < bits.constant < SHORTEST_KEY:
        yield weak("short-key", 326, site.node, f"a key of {bits.constant} bits is too short")


def _on_derivation(site: CallSite) -> Iterator[Mark]:
    rounds = site.argument(3, "iterations")
    algorithm = site.argument(0, "hash_name")
    if rounds is not None and isinstance(rounds.constant, int) and rounds.constant < FEWEST_ITERATIONS:
        yield weak("fast-derivation", 916, site.node, f"{rounds.constant} iterations are too few for a password")
    elif algorithm is not None and algorithm.text.lower() in ("md4", "md5"):
        yield weak("weak-hash", 328, site.node, f"{algorithm.text} is a broken hash")


def _last(value: Value) -> str:
    return value.symbol.rpartition(".")[2]
