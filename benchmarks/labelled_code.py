"""Reads code that others wrote and labelled: what is insecure, what is secure, and as which weakness.

Used by `scanner_accuracy.py`. Labels come from the comments and names in these sources, never from our scanner.
"""

from __future__ import annotations

import ast
import gzip
import json
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Labelled:
    """A place in a snippet: findings of the weakness within its lines are right if `insecure`, wrong otherwise."""

    source: str
    group: str
    weakness: str
    insecure: bool
    text: str
    first: int
    last: int

    @property
    def lines(self) -> str:
        return " ".join("\n".join(self.text.splitlines()[self.first - 1 : self.last]).split())


# Bandit's examples ------------------------------------------------------------------------------------------------
# File -> (weakness, pattern of insecure statements, pattern of secure ones). None: its comments say which is which.
# Constant commands are secure here, as Bandit says itself ("seems safe") and reports at low severity.
BANDIT = {
    "sql_statements.py": ("sql_injection", None, None),
    "sql_multiline_statements.py": ("sql_injection", None, None),
    "django_sql_injection_raw.py": ("sql_injection", r"RawSQL\((raw|'%|'\{|sql=|params=)", r"RawSQL\('secure'"),
    "os-popen.py": ("command_injection", r"some_var", r"bin/uname"),
    "subprocess_shell.py": (
        "command_injection",
        r"subprocess\.Popen\(command",
        r"subprocess\.\w+\(\[|gcc --version|'/bin/ls -l', shell=True",
    ),
    "jinja2_templating.py": (
        "cross_site_scripting",
        r"autoescape=(False|something|fake)|load=templateLoader\)",
        r"autoescape=(True|select_autoescape|jinja2\.select)",
    ),
    "markupsafe_markup_xss.py": (
        "cross_site_scripting",
        r"unsafe|Markup\(content",
        r"Markup\(b?\"safe|object=\"safe|escape\(content",
    ),
    "mark_safe_insecure.py": ("cross_site_scripting", r"mark_safe\(", r"(?!)"),
    "mark_safe_secure.py": ("cross_site_scripting", r"(?!)", r"mark_safe\("),
    "tarfile_extractall.py": (
        "path_traversal",
        r"tar\.extractall\(path=tempfile\.mkdtemp\(\)\)|fully_trusted\"\)",
        r"filter=\"data\"|members=\[\]",
    ),
    "pickle_deserialize.py": ("unsafe_deserialization", r"load|Unpickler", r"dump"),
    "marshal_deserialize.py": ("unsafe_deserialization", r"load", r"dump"),
    "jsonpickle.py": ("unsafe_deserialization", r"decode|Unpickler", r"encode"),
    "shelve_open.py": ("unsafe_deserialization", r"shelve\.open", r"os\.path"),
    "pytorch_load.py": ("unsafe_deserialization", r"torch\.load\((?!.*weights_only=True)", r"weights_only=True|save"),
    "yaml_load.py": ("unsafe_deserialization", r"yaml\.load\(ystr\)|yaml\.Loader", r"SafeLoader|json\.load|dump"),
    "ciphers.py": (
        "weak_cryptography",
        r"pycrypto\w*\.new\(|algorithms\.(ARC4|Blowfish|CAST5|IDEA|SEED|TripleDES)",
        r"algorithms\.AES\(|Random\.new",
    ),
    "cipher-modes.py": ("weak_cryptography", r"ECB\(iv", r"CBC\(iv|MODE_CTR"),
    "crypto-md5.py": (
        "weak_cryptography",
        r"hashlib\.(md5|sha1)\((?!used)|md\d\.new|sha\.new|hashes\.|METHOD_(CRYPT|MD5|BLOWFISH)",
        r"usedforsecurity=False|METHOD_SHA",
    ),
    "hashlib_new_insecure_functions.py": (
        "weak_cryptography",
        r"(md\d|MD4|sha1?|SHA)'(?!.*=False)",
        r"sha256|SHA512|=False",
    ),
    "weak_cryptographic_key_sizes.py": (
        "weak_cryptography",
        r"1024|512[,)]|SECT163R2",
        r"2048|4096|SECP384R1|SECP256K1",
    ),
    "ssl-insecure-version.py": ("weak_cryptography", r"SSLv[23]_?|TLSv1(_1|_METHOD|\))", r"TLSv1_2"),
    "hardcoded-passwords.py": (
        "hard_coded_credentials",
        r"=+ ?['\"](class_pas|Admin|root|ajkl|blerg|secret|emails_secret|d6s|1234|this cool|pass['\"])",
        r"default=''|return|self\.",
    ),
    "requests-ssl-verify-disabled.py": ("certificate_validation", r"verify=False", r"verify=True|timeout=30\)"),
    "unverified_context.py": ("certificate_validation", r"_create_unverified", r"create_default"),
    "no_host_key_verification.py": ("certificate_validation", r"(AutoAdd|Warning)Policy", r"SSHClient"),
}
_INSECURE = re.compile(r"\b(bad|incorrect|insecure|unsafe|not safe)\b", re.IGNORECASE)
_SECURE = re.compile(r"\b(good|correct|secure|safe|false positives)\b", re.IGNORECASE)


def bandit_examples(folder: Path) -> Iterator[Labelled]:
    """Yield the labelled statements of Bandit's `examples`."""
    for name, (weakness, insecure, secure) in BANDIT.items():
        text = (folder / name).read_text()
        for statement in _statements(ast.parse(text)):
            lines = " ".join(text.splitlines()[statement.lineno - 1 : statement.end_lineno or statement.lineno])
            label = _section(text, statement.lineno) if insecure is None else _matched(lines, insecure, secure or "")
            if label is not None:
                yield Labelled(
                    "bandit examples", name, weakness, label, text, statement.lineno, statement.end_lineno or 0
                )


def _statements(tree: ast.Module) -> Iterator[ast.stmt]:
    """Yield statements that do something and hold no other statement but in their first line."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Expr, ast.Assign, ast.Return, ast.AnnAssign)):
            if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
                yield node
        elif isinstance(node, (ast.If, ast.With, ast.FunctionDef)):
            # The head alone: a condition, a context, defaults.
            head = ast.Pass(lineno=node.lineno, col_offset=0, end_lineno=node.lineno, end_col_offset=0)
            yield head


def _section(text: str, line: int) -> bool | None:
    """Return what the nearest comment above says; what it excuses (`# nosec`) is labelled by nothing."""
    lines = text.splitlines()
    above = next((comment for comment in reversed(lines[: line - 1]) if comment.startswith("#")), "")
    if "nosec" in "".join(lines[line - 1 : line + 3]):
        return None
    return True if _INSECURE.search(above) else False if _SECURE.search(above) else None


def _matched(lines: str, insecure: str, secure: str) -> bool | None:
    return True if re.search(insecure, lines) else False if re.search(secure, lines) else None


# Fixtures of Semgrep rules -----------------------------------------------------------------------------------------
_RULE_LABEL = re.compile(r"#\s*(ruleid|ok)\b:?\s*([\w-]*)")
_BY_WORD = (
    ("path-traversal|fileresponse", "path_traversal"),
    ("html|xss|reflected|markup|mark-safe|template-string", "cross_site_scripting"),
    ("sql", "sql_injection"),
    ("shell|subprocess|os-system|command", "command_injection"),
    ("pickle|deserial|yaml|marshal", "unsafe_deserialization"),
)


def semgrep_fixtures(folder: Path, source: str) -> Iterator[Labelled]:
    """Yield what `# ruleid:` and `# ok:` comments label: the function, if all in it say the same, or the statement."""
    for path in sorted(folder.rglob("*.py")):
        weakness = next((name for words, name in _BY_WORD if re.search(words, path.stem.replace("_", "-"))), None)
        text = path.read_text()
        if weakness is None or "ruleid" not in text:
            continue
        tree = ast.parse(text)
        labels = [
            (number, match[1] == "ruleid")
            for number, line in enumerate(text.splitlines(), 1)
            if (match := _RULE_LABEL.search(line))
        ]
        for first, last, insecure in sorted(set(_labelled_places(tree, labels))):
            yield Labelled(source, path.name, weakness, insecure, text, first, last)


def _labelled_places(tree: ast.Module, labels: list[tuple[int, bool]]) -> Iterator[tuple[int, int, bool]]:
    functions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    for line, insecure in labels:
        around = [node for node in functions if node.lineno <= line <= (node.end_lineno or 0)]
        inner = max(around, key=lambda node: node.lineno, default=None)
        if inner and len({label for number, label in labels if inner.lineno <= number <= (inner.end_lineno or 0)}) == 1:
            yield inner.lineno, inner.end_lineno or 0, insecure
            continue
        below = [node for node in ast.walk(tree) if isinstance(node, ast.stmt) and node.lineno > line]
        if below:
            labelled = min(below, key=lambda node: (node.lineno, -(node.end_lineno or 0)))
            yield labelled.lineno, labelled.end_lineno or 0, insecure


# Tests of pylint-secure-coding-standard ----------------------------------------------------------------------------
PYLINT = {
    "yaml_load_test.py": "unsafe_deserialization",
    "pickle_load_test.py": "unsafe_deserialization",
    "marshal_load_test.py": "unsafe_deserialization",
    "shelve_open_test.py": "unsafe_deserialization",
    "jsonpickle_decode_test.py": "unsafe_deserialization",
    "shell_exec_test.py": "command_injection",
}


def pylint_tests(folder: Path) -> Iterator[Labelled]:
    """Yield the snippets in its tests: those of `test_..._ok` are secure, all others insecure. Imports are left out."""
    for name, weakness in PYLINT.items():
        tree = ast.parse((folder / name).read_text())
        secure: set[str] = set()
        for test in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
            if test.name.endswith("_ok") and not test.name.endswith("not_ok"):
                for text in _strings(test):
                    secure.update(line.removesuffix("#@").strip() for line in text.splitlines() if "#@" in line)
        texts = {text for text in _strings(tree) if re.match(r"[\w.]+\(", text)} - secure
        for insecure, snippets in ((False, sorted(secure)), (True, sorted(texts))):
            for text in snippets:
                if _parses(text) and not text.startswith(("int(", "foo(")):
                    yield Labelled("pylint-secure-coding-standard", name, weakness, insecure, text, 1, 99)


def _strings(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


# Code without labels -----------------------------------------------------------------------------------------------
def human_eval(path: Path) -> list[str]:
    """Return the canonical solutions, each with its prompt."""
    with gzip.open(path, "rt") as file:
        rows = [json.loads(line) for line in file]
    return [row["prompt"] + row["canonical_solution"] for row in rows]


def functions_of(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield (where, text) of every function and method of a package, each below its module's imports."""
    for path in sorted(folder.rglob("*.py")):
        text = path.read_text()
        tree = ast.parse(text)
        imports = "\n".join(ast.unparse(node) for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom)))
        for owner in [tree, *(node for node in tree.body if isinstance(node, ast.ClassDef))]:
            for node in owner.body:
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    lines = text.splitlines()[node.lineno - 1 : node.end_lineno]
                    yield (
                        f"{path.relative_to(folder)}:{node.lineno}",
                        imports + "\n\n" + textwrap.dedent("\n".join(lines)),
                    )
