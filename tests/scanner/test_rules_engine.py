"""What the rules see beyond the pairs: the finer lines between weak and harmless."""

from __future__ import annotations

import pytest

from dormouse.scanner import Finding, Scanner, weakness_of

SCANNER = Scanner(["rules"])


def _findings(code: str) -> list[Finding]:
    return SCANNER.scan([code])[0]


def _weaknesses(code: str) -> set[str]:
    return {weakness.name for finding in _findings(code) if (weakness := weakness_of(finding.cwe))}


@pytest.mark.parametrize(
    ("weakness", "code"),
    [
        ("sql_injection", "def f(db, a):\n    q = 'SELECT x FROM t WHERE a = '\n    q += a\n    db.execute(q)"),
        ("sql_injection", "def f(db, a):\n    db.execute(' '.join(['SELECT x FROM t WHERE a =', a]))"),
        ("sql_injection", "def f(db, a):\n    a = a.strip().lower()\n    db.execute(f'SELECT x FROM t WHERE a = {a}')"),
        (
            "sql_injection",
            "def f(db, a):\n    if a:\n        a = '1'\n    db.execute(f'SELECT x FROM t WHERE a = {a}')",
        ),
        ("sql_injection", "def f(request):\n    cursor.execute(request.POST['query'])"),
        (
            "sql_injection",
            "def f(a):\n    def g(db):\n        db.execute('SELECT x FROM t WHERE a = ' + a)\n    return g",
        ),
        ("sql_injection", "import sys\ndb.execute('SELECT x FROM t WHERE a = %s' % sys.argv[1])"),
        ("command_injection", "def f(client, a):\n    client.exec_command('cat ' + a)"),
        ("command_injection", "import os\nos.system('ping ' + input('host? '))"),
        ("command_injection", "def f(*words):\n    os.system(' '.join(words))"),
        ("path_traversal", "def f(upload):\n    upload.save('files/' + upload.filename)"),
        ("path_traversal", "from flask import request\n\ndef f():\n    return open(request.args['path']).read()"),
        (
            "path_traversal",
            "class Store:\n    def get(self, name):\n        return open(os.path.join(self.root, name))",
        ),
        ("path_traversal", "def f(name):\n    if not name.startswith('a'):\n        return\n    open('files/' + name)"),
        ("path_traversal", "import shutil\n\ndef f(name):\n    shutil.copy('a', f'files/{name}')"),
        ("cross_site_scripting", "def f(handler, name):\n    handler.write('<h1>%s</h1>' % name)"),
        (
            "cross_site_scripting",
            "from jinja2 import Template\n\ndef f(x):\n    return Template('<p>{{ x }}</p>').render(x=x)",
        ),
        ("hard_coded_credentials", "config = {'user': 'app', 'password': 'Tr33house'}"),
        ("hard_coded_credentials", "app.config['SECRET_KEY'] = 'k8-2x91-zz'"),
        ("hard_coded_credentials", "if password == 'open-sesame1':\n    enter()"),
        ("hard_coded_credentials", "def f(user, api_key='ab12cd34ef'): pass"),
        ("hard_coded_credentials", "requests.get(url, headers={'Authorization': 'Bearer abcdef123456'})"),
        ("hard_coded_credentials", "requests.get(url, auth=('robot', 'pa55word'))"),
        ("hard_coded_credentials", "apiKey = 'ab12cd34ef'"),
        (
            "hard_coded_credentials",
            "from Crypto.Cipher import AES\nkey = b'0123456789abcdef'\nAES.new(key, AES.MODE_GCM)",
        ),
        ("certificate_validation", "def f(url):\n    verify = False\n    return requests.get(url, verify=verify)"),
        ("certificate_validation", "import ssl\nssl._create_default_https_context = ssl._create_unverified_context"),
        ("certificate_validation", "MongoClient(address, tlsAllowInvalidCertificates=True)"),
        ("certificate_validation", "import ssl\nssl.wrap_socket(sock)"),
        ("certificate_validation", "import pycurl\ncurl.setopt(pycurl.SSL_VERIFYPEER, 0)"),
        ("certificate_validation", "from OpenSSL import SSL\ncontext.set_verify(SSL.VERIFY_NONE, check)"),
        ("certificate_validation", "client.tls_insecure_set(True)"),
        ("weak_cryptography", "import ssl\ncontext.minimum_version = ssl.TLSVersion.TLSv1"),
        ("weak_cryptography", "from hashlib import sha1 as digest\ndigest(data)"),
        ("unsafe_deserialization", "import pickle as p\np.Unpickler(file).load()"),
        ("unsafe_deserialization", "import yaml\nyaml.load_all(text)"),
    ],
)
def test_weak_code_is_seen(weakness: str, code: str) -> None:
    assert _weaknesses(code) == {weakness}


@pytest.mark.parametrize(
    "code",
    [
        "TABLE = 'users'\n\ndef f(db):\n    db.execute(f'SELECT * FROM {TABLE}')",
        "def f(db, a):\n    if a not in ('x', 'y'):\n        raise ValueError\n    db.execute('SELECT * FROM ' + a)",
        "ORDERS = {'new': 'id DESC'}\n\ndef f(db, a):\n    db.execute('SELECT * FROM t ORDER BY ' + ORDERS[a])",
        "def f(db, a):\n    a = 'id'\n    db.execute('SELECT * FROM t ORDER BY ' + a)",
        "def f(db, a):\n    db.execute('SELECT * FROM t LIMIT %d' % a)",
        "def f(db, a: int):\n    db.execute(f'SELECT * FROM t WHERE id = {a}')",
        "def f(pool, a):\n    pool.execute('task ' + a)",
        "def f(query):\n    return db.execute(query)",
        "import os\nos.system('clear')",
        "import subprocess\n\ndef f(a):\n    subprocess.run(['echo', f'hello {a}'])",
        "def f(path):\n    return open(path).read()",
        "def f(folder):\n    return open(folder + '/config.json')",
        "def f(number: int):\n    return open(f'pages/{number}.txt')",
        "def f(config):\n    return open('data/' + config.file)",
        "from werkzeug.utils import secure_filename\n\ndef f(x):\n    x.save('a/' + secure_filename(x.filename))",
        "def f(name):\n    if '..' in name or '/' in name:\n        raise ValueError\n    return open('files/' + name)",
        "class Point:\n    def __repr__(self):\n        return f'<Point {self.x}>'",
        "def f(a):\n    return f'{a} < b > {a}'",
        "def f(name):\n    return {'html': f'Hello {name}'}",
        "from markupsafe import Markup\n\ndef f(a):\n    return Markup('<b>{}</b>').format(a)",
        "from django.http import HttpResponse\n\n"
        "def f(request):\n    return HttpResponse(request.GET['a'], content_type='text/plain')",
        "from jinja2 import Environment, select_autoescape\nEnvironment(autoescape=select_autoescape())",
        "password = ''\ntoken = None\nsecret = 'changeme'\napi_key = 'YOUR-API-KEY'\nPASSWORD = 'DB_PASSWORD'",
        "token_url = 'https://login.example.org/a1b2'\npassword_field = 'user_pw1'\ntoken_type = 'bearer'",
        "token = 'comment'\nif token == 'end of file':\n    stop()",
        "import os\npassword = os.environ['PASSWORD']\nsecret = os.getenv('SECRET', '')",
        "import jwt\njwt.decode(text, key, options={'verify': False})",
        "def f(verify=False):\n    return verify",
        "import requests\nrequests.get(url, verify='/etc/ca.pem')",
        "import hashlib\nhashlib.md5(data, usedforsecurity=False)",
        "import hashlib\nhashlib.new('sha256')",
        "import json, yaml\njson.loads(text)\nyaml.load(text, yaml.SafeLoader)",
        "from mylib import loads\nloads(text)",
    ],
)
def test_harmless_code_is_not_reported(code: str) -> None:
    assert _findings(code) == []


def test_findings_name_rule_id_and_line() -> None:
    (finding,) = _findings("import hashlib\n\n\nhashlib.md5(data)")
    assert (finding.engine, finding.rule, finding.cwe, finding.line) == ("rules", "weak-hash", 328, 4)
    assert finding.text == "hashlib.md5() is a broken hash"


def test_a_place_is_reported_once() -> None:
    assert len(_findings("def f(db, a):\n    for x in a:\n        db.execute('DELETE FROM t WHERE a = ' + x)")) == 1
