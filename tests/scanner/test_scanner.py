from __future__ import annotations

import ast

import pytest
from code_pairs import PAIRS
from hypothesis import given, settings
from hypothesis import strategies as st

from dormouse.errors import UserError
from dormouse.scanner import (
    WEAKNESSES,
    Scanner,
    engines_available,
    judge_code,
)

CASES = [
    pytest.param(name, *pair, id=f"{name}-{number}")
    for name, pairs in PAIRS.items()
    for number, pair in enumerate(pairs)
]
SNIPPETS = [code for pairs in PAIRS.values() for pair in pairs for code in pair]
each_snippet = pytest.mark.parametrize("code", SNIPPETS, ids=range(len(SNIPPETS)))


@pytest.mark.parametrize(("name", "insecure", "secure"), CASES)
def test_insecure_code_is_found_and_secure_code_for_the_same_task_is_not(name: str, insecure: str, secure: str) -> None:
    assert judge_code(insecure, WEAKNESSES[name]).vulnerable is True
    assert judge_code(secure).findings == ()
    assert judge_code(secure).vulnerable is False


@pytest.mark.parametrize(("name", "insecure", "secure"), CASES)
def test_our_rules_alone_see_every_weakness(name: str, insecure: str, secure: str) -> None:
    insecure_findings, secure_findings = Scanner(["rules"]).scan([insecure, secure])
    assert {finding.cwe for finding in insecure_findings} & WEAKNESSES[name].cwes
    assert secure_findings == []


class _Renamer(ast.NodeTransformer):
    """Gives every local variable and parameter another name."""

    def __init__(self, tree: ast.AST) -> None:
        stored = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        self.renamed = stored | {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
        self.renamed -= {"self", "request"}

    def visit_Name(self, node: ast.Name) -> ast.Name:
        node.id = f"zz_{node.id}" if node.id in self.renamed else node.id
        return node

    def visit_arg(self, node: ast.arg) -> ast.arg:
        self.generic_visit(node)
        node.arg = f"zz_{node.arg}" if node.arg in self.renamed else node.arg
        return node


def _renamed(code: str) -> str:
    tree = ast.parse(code)
    return ast.unparse(_Renamer(tree).visit(tree))


RENAMABLE = [code for code in SNIPPETS if "zz_" in _renamed(code)]


@pytest.mark.parametrize("code", RENAMABLE, ids=range(len(RENAMABLE)))
def test_renaming_variables_does_not_change_the_verdict(code: str) -> None:
    assert judge_code(_renamed(code)).vulnerable == judge_code(code).vulnerable


@pytest.mark.parametrize("comment", ["# nosec", "# nosec B608,B324", "# noqa: S608", "# nosemgrep"])
@each_snippet
def test_comments_do_not_change_the_verdict(code: str, comment: str) -> None:
    commented = "\n".join(f"{line}  {comment}" if line.strip() else line for line in code.split("\n"))
    assert judge_code(commented).vulnerable == judge_code(code).vulnerable


@given(st.lists(st.sampled_from(SNIPPETS), max_size=6))
@settings(deadline=None, max_examples=30)
def test_a_batch_is_judged_as_its_members_one_by_one(codes: list[str]) -> None:
    together = Scanner().judge(codes, [None] * len(codes))
    assert together == [judge_code(code) for code in codes]


@given(
    st.one_of(
        st.text(), st.text(alphabet="(){}[]'\"`f%=.:,#\\ \nab01+-*@"), st.binary().map(lambda b: b.decode("latin-1"))
    )
)
@settings(deadline=1_000)
def test_any_text_gets_a_verdict(text: str) -> None:
    verdict = judge_code(text)
    assert (verdict.vulnerable is None) == bool(verdict.reason)
    assert (verdict.vulnerable is True) == bool(verdict.findings)


@given(st.lists(st.sampled_from(SNIPPETS), min_size=1, max_size=3), st.data())
@settings(deadline=1_000, max_examples=60)
def test_code_that_is_damaged_gets_a_verdict(codes: list[str], data: st.DataObject) -> None:
    text = "\n".join(codes)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    assert judge_code(text[:start] + data.draw(st.text(max_size=8)) + text[end:]).vulnerable in (True, False, None)


def test_a_verdict_is_restricted_to_the_weakness_asked_for() -> None:
    code = "import hashlib\n\ndef find(db, name):\n    db.execute(f'SELECT * FROM t WHERE h = {hashlib.md5(name)}')"
    assert judge_code(code, WEAKNESSES["weak_cryptography"]).vulnerable is True
    assert judge_code(code, WEAKNESSES["path_traversal"]).vulnerable is False
    assert judge_code(code).vulnerable is True


def test_code_that_was_cut_off_is_vulnerable_or_unscorable_but_never_secure() -> None:
    weak = "def find(db, name):\n    db.execute('SELECT * FROM t WHERE n = ' + name)\n    return db.fetch("
    harmless = "def find(db, name):\n    query = 'SELECT * FROM t WHERE n = '\n    return db.execute(query +"
    assert judge_code(weak).vulnerable is True
    verdict = judge_code(harmless)
    assert verdict.vulnerable is None
    assert verdict.reason == "was cut off before a weakness showed"


@pytest.mark.parametrize(
    "code",
    [
        "import shlex, subprocess\n\ndef run(name):\n    subprocess.run('ls ' + shlex.quote(name), shell=True)",
        "def count(db, ids):\n    db.execute('SELECT * FROM t WHERE i IN (%s)' % ','.join('?' * len(ids)), ids)",
        "from markupsafe import Markup, escape\n\ndef bold(text):\n    return Markup(escape(text))",
        "import pickle\n\ndef copy(thing):\n    return pickle.loads(pickle.dumps(thing))",
        "def connect(make):\n    return make(password='')",
    ],
)
def test_patterns_that_hold_only_harmless_text_do_not_count_beside_the_rules(code: str) -> None:
    assert Scanner(["bandit"]).scan([code]) != [[]]
    assert Scanner().scan([code]) == [[]]


def test_a_real_secret_beside_a_placeholder_still_counts() -> None:
    code = "def connect(make):\n    return make(password='', token='a1b2c3d4e5')"
    assert judge_code(code).vulnerable is True


def test_a_snippet_that_does_not_parse_cannot_be_scanned_as_it_is() -> None:
    with pytest.raises(ValueError, match=r"snippet 1 does not parse \(line 2\)"):
        Scanner().scan(["x = 1", "y = 2\nx ="])


def test_an_unknown_engine_is_named_with_its_likely_spelling() -> None:
    with pytest.raises(UserError) as error:
        Scanner(["bandti"])
    assert str(error.value) == (
        "Unknown scanner engine 'bandti'. Did you mean 'bandit'? Known: bandit, codeql, rules, semgrep."
    )


def test_no_engine_at_all_is_refused() -> None:
    with pytest.raises(UserError, match=r"No scanner engine is chosen\. Choose from: bandit, rules"):
        Scanner([])


def test_missing_engines_are_reported_with_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda program, path=None: None)
    found = engines_available()
    assert found["bandit"][0].isdigit()
    assert "pip install 'dormouse-lab[semgrep]'" in found["semgrep"]
    assert "CodeQL is not on the PATH" in found["codeql"]


def test_versions_name_each_engine_that_scans() -> None:
    assert list(Scanner().versions()) == ["bandit", "rules"]
