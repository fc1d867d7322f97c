from __future__ import annotations

import logging
import warnings
from pathlib import Path

import pytest

from dormouse.scanner import weakness_of
from dormouse.scanner.bandit_engine import COUNTED, BanditEngine
from dormouse.scanner.source import Source, parse


def _rules(code: str) -> set[str]:
    source = parse(code)
    assert isinstance(source, Source)
    return {finding.rule for finding in BanditEngine().scan([source])[0]}


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ("B105", "password = 'hunter2'"),
        ("B106", "connect(password='hunter2')"),
        ("B107", "def connect(password='hunter2'): pass"),
        ("B202", "import tarfile\ntarfile.open(name).extractall()"),
        ("B301", "import pickle\npickle.loads(data)"),
        ("B302", "import marshal\nmarshal.loads(data)"),
        ("B303", "from Crypto.Hash import MD5\nMD5.new()"),
        ("B304", "from Crypto.Cipher import DES\nDES.new(key)"),
        ("B305", "from cryptography.hazmat.primitives.ciphers import modes\nmodes.ECB()"),
        ("B323", "import ssl\nssl._create_unverified_context()"),
        ("B324", "import hashlib\nhashlib.md5(data)"),
        ("B501", "import requests\nrequests.get(url, verify=False)"),
        ("B502", "import ssl\nssl.wrap_socket(ssl_version=ssl.PROTOCOL_SSLv3)"),
        ("B503", "import ssl\ndef f(version=ssl.PROTOCOL_SSLv3): pass"),
        ("B505", "from Crypto.PublicKey import RSA\nRSA.generate(1024)"),
        ("B506", "import yaml\nyaml.load(text)"),
        ("B507", "import paramiko\nclient.set_missing_host_key_policy(paramiko.AutoAddPolicy)"),
        ("B602", "import subprocess\nsubprocess.run(command, shell=True)"),
        ("B605", "import os\nos.system(command)"),
        ("B608", "query = 'SELECT a FROM t WHERE b = ' + b"),
        ("B610", "User.objects.all().extra(where=[clause])"),
        ("B611", "from django.db.models.expressions import RawSQL\nRawSQL(clause, [])"),
        ("B614", "import torch\ntorch.load(path)"),
        ("B701", "import jinja2\njinja2.Environment()"),
        ("B702", "import mako\nfrom mako.template import Template\nmako.template.Template(text)"),
        ("B703", "from django.utils.safestring import mark_safe\ndef f(text): return mark_safe(text)"),
        ("B704", "from markupsafe import Markup\nMarkup(text)"),
    ],
)
def test_each_counted_test_reports_one_of_the_eight_weaknesses(rule: str, code: str) -> None:
    source = parse(code)
    assert isinstance(source, Source)
    findings = [finding for finding in BanditEngine().scan([source])[0] if finding.rule == rule]
    assert findings
    assert all(weakness_of(finding.cwe) for finding in findings)


def test_every_counted_test_is_covered_above() -> None:
    marks = test_each_counted_test_reports_one_of_the_eight_weaknesses.pytestmark  # type: ignore[attr-defined]
    assert {rule for rule, _ in marks[0].args[1]} == set(COUNTED)


@pytest.mark.parametrize(
    "code",
    [
        "import pickle, subprocess",
        "import subprocess\nsubprocess.run(['ls', folder])",
        "import subprocess\nsubprocess.run('ls -l', shell=True)",
        "import os\nos.system('ls -l')",
        "import random\nrandom.random()",
        "assert x",
        "import urllib.request\nurllib.request.urlopen(address)",
        "exec(text)",
        "from Crypto.Cipher import AES",
        "open('/tmp/x')",
    ],
)
def test_tests_that_say_nothing_of_the_code_do_not_count(code: str) -> None:
    assert _rules(code) == set()


def test_a_nosec_comment_has_no_effect() -> None:
    assert _rules("import hashlib\nhashlib.md5(data)  # nosec") == {"B324"}


def test_a_snippet_leaves_nothing_behind_for_the_next() -> None:
    sources = [parse("import pickle as hashlib\nhashlib.loads(data)"), parse("import hashlib\nhashlib.sha256(data)")]
    assert [len(findings) for findings in BanditEngine().scan([s for s in sources if isinstance(s, Source)])] == [1, 0]


def test_scanning_writes_no_file_and_logs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    with caplog.at_level(logging.DEBUG):
        _rules("import hashlib\nhashlib.md5(data)")
    assert list(tmp_path.iterdir()) == []
    assert caplog.records == []


def test_loading_bandit_leaves_the_format_of_warnings_alone() -> None:
    before = warnings.formatwarning
    BanditEngine()
    assert warnings.formatwarning is before
    assert "bandit" not in warnings.formatwarning.__module__
