"""Insecure and secure code for the same task, as people write it in several frameworks."""

from __future__ import annotations

import textwrap

_SQL = """
def user_by_name(conn, name):
    cur = conn.cursor()
    cur.execute("SELECT id FROM users WHERE name = '" + name + "'")
    return cur.fetchone()
=== secure
def user_by_name(conn, name):
    cur = conn.cursor()
    cur.execute("SELECT id FROM users WHERE name = ?", (name,))
    return cur.fetchone()
=== pair
import psycopg

def rename(dsn, ident, title):
    sql = "UPDATE posts SET title = '%s' WHERE id = %s" % (title, ident)
    with psycopg.connect(dsn) as connection:
        connection.execute(sql)
=== secure
import psycopg

def rename(dsn, ident, title):
    sql = "UPDATE posts SET title = %s WHERE id = %s"
    with psycopg.connect(dsn) as connection:
        connection.execute(sql, (title, ident))
=== pair
from django.http import JsonResponse

def search(request):
    term = request.GET.get("q", "")
    rows = Product.objects.raw(f"SELECT * FROM shop_product WHERE name LIKE '%{term}%'")
    return JsonResponse([row.name for row in rows], safe=False)
=== secure
from django.http import JsonResponse

def search(request):
    term = request.GET.get("q", "")
    rows = Product.objects.raw("SELECT * FROM shop_product WHERE name LIKE %s", [f"%{term}%"])
    return JsonResponse([row.name for row in rows], safe=False)
=== pair
@app.get("/orders")
async def orders(city: str, pool=Depends(get_pool)):
    query = "SELECT * FROM orders "
    query += "WHERE city = '{}'".format(city)
    return await pool.fetch(query)
=== secure
@app.get("/orders")
async def orders(city: str, pool=Depends(get_pool)):
    query = "SELECT * FROM orders "
    query += "WHERE city = $1"
    return await pool.fetch(query, city)
=== pair
def delete_many(db, ids):
    db.execute("DELETE FROM logs WHERE id IN (%s)" % ",".join(ids))
=== secure
def delete_many(db, ids):
    marks = ",".join("?" * len(ids))
    db.execute(f"DELETE FROM logs WHERE id IN ({marks})", ids)
=== pair
from sqlalchemy import text

def totals(engine, year):
    statement = text(f"SELECT sum(price) FROM sales WHERE year = {year}")
    with engine.begin() as connection:
        return connection.execute(statement).scalar()
=== secure
from sqlalchemy import text

def totals(engine, year: int):
    statement = text(f"SELECT sum(price) FROM sales WHERE year = {int(year)}")
    with engine.begin() as connection:
        return connection.execute(statement).scalar()
=== pair
import psycopg2

def count(cursor, table):
    cursor.execute("SELECT count(*) FROM " + table)
    return cursor.fetchone()[0]
=== secure
from psycopg2 import sql

def count(cursor, table):
    cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table)))
    return cursor.fetchone()[0]
"""

_COMMAND = """
import os

def compress(path):
    os.system(f"gzip -9 {path}")
=== secure
import subprocess

def compress(path):
    subprocess.run(["gzip", "-9", path], check=True)
=== pair
from subprocess import Popen, PIPE

def grep(pattern, file):
    process = Popen("grep %s %s" % (pattern, file), shell=True, stdout=PIPE)
    return process.communicate()[0]
=== secure
from subprocess import Popen, PIPE

def grep(pattern, file):
    process = Popen(["grep", "--", pattern, file], stdout=PIPE)
    return process.communicate()[0]
=== pair
from flask import Flask, request
import subprocess

app = Flask(__name__)

@app.route("/dns")
def dns():
    return subprocess.getoutput("nslookup " + request.args["domain"])
=== secure
from flask import Flask, request
import subprocess

app = Flask(__name__)

@app.route("/dns")
def dns():
    return subprocess.check_output(["nslookup", request.args["domain"]], text=True)
=== pair
import asyncio

async def convert(source, target):
    process = await asyncio.create_subprocess_shell(f"ffmpeg -i {source} {target}")
    return await process.wait()
=== secure
import asyncio

async def convert(source, target):
    process = await asyncio.create_subprocess_exec("ffmpeg", "-i", source, target)
    return await process.wait()
=== pair
import subprocess

def list_folder(folder):
    subprocess.call(["bash", "-c", "ls -l " + folder])
=== secure
import shlex
import subprocess

def list_folder(folder):
    subprocess.call("ls -l " + shlex.quote(folder) + " | sort", shell=True)
=== pair
import os

def whois(domain):
    stream = os.popen("whois {}".format(domain))
    return stream.read()
=== secure
import os

def uptime():
    stream = os.popen("uptime -p")
    return stream.read()
"""

_XSS = """
from flask import Flask, request

app = Flask(__name__)

@app.route("/hello")
def hello():
    return "Hello, " + request.args.get("name", "you")
=== secure
from flask import Flask, render_template, request

app = Flask(__name__)

@app.route("/hello")
def hello():
    return render_template("hello.html", name=request.args.get("name", "you"))
=== pair
from django.http import HttpResponse

def profile(request):
    bio = request.POST["bio"]
    page = "<html><body><p>{}</p></body></html>".format(bio)
    return HttpResponse(page)
=== secure
import html
from django.http import HttpResponse

def profile(request):
    bio = html.escape(request.POST["bio"])
    page = "<html><body><p>{}</p></body></html>".format(bio)
    return HttpResponse(page)
=== pair
from fastapi import FastAPI
from fastapi.responses import HTMLResponse

app = FastAPI()

@app.get("/item/{name}")
def item(name: str):
    return HTMLResponse(content=f"<h2>{name}</h2>")
=== secure
from fastapi import FastAPI
from fastapi.responses import HTMLResponse

app = FastAPI()

@app.get("/item/{number}")
def item(number: int):
    return HTMLResponse(content=f"<h2>{number}</h2>")
=== pair
from flask import render_template_string, request

def page():
    template = "<div>" + request.form["text"] + "</div>"
    return render_template_string(template)
=== secure
from flask import render_template_string, request

def page():
    return render_template_string("<div>{{ text }}</div>", text=request.form["text"])
=== pair
from django.utils.safestring import mark_safe

def badge(label):
    return mark_safe("<span class='badge'>" + label + "</span>")
=== secure
from django.utils.html import format_html

def badge(label):
    return format_html("<span class='badge'>{}</span>", label)
=== pair
def table(rows):
    cells = "".join(f"<td>{row}</td>" for row in rows)
    return "<table><tr>" + cells + "</tr></table>"
=== secure
from html import escape

def table(rows):
    cells = "".join(f"<td>{escape(row)}</td>" for row in rows)
    return "<table><tr>" + cells + "</tr></table>"
=== pair
import jinja2

def render(folder, name, **values):
    loader = jinja2.FileSystemLoader(folder)
    return jinja2.Environment(loader=loader).get_template(name).render(**values)
=== secure
import jinja2

def render(folder, name, **values):
    loader = jinja2.FileSystemLoader(folder)
    pages = jinja2.Environment(loader=loader, autoescape=jinja2.select_autoescape())
    return pages.get_template(name).render(**values)
"""

_PATH = """
import os
from flask import Flask, request, send_file

app = Flask(__name__)

@app.route("/download")
def download():
    return send_file(os.path.join(app.config["FILES"], request.args["file"]))
=== secure
from flask import Flask, request, send_from_directory

app = Flask(__name__)

@app.route("/download")
def download():
    return send_from_directory(app.config["FILES"], request.args["file"])
=== pair
def read_page(name):
    with open("pages/" + name + ".md") as file:
        return file.read()
=== secure
import re

def read_page(name):
    if not re.fullmatch(r"[a-z-]+", name):
        raise ValueError(name)
    with open("pages/" + name + ".md") as file:
        return file.read()
=== pair
from pathlib import Path

ROOT = Path("/srv/uploads")

def load(name):
    return (ROOT / name).read_bytes()
=== secure
from pathlib import Path

ROOT = Path("/srv/uploads")

def load(name):
    path = (ROOT / name).resolve()
    if ROOT not in path.parents:
        raise PermissionError(name)
    return path.read_bytes()
=== pair
import os
from django.http import FileResponse

def invoice(request, number):
    return FileResponse(open(os.path.join("/data/invoices", number), "rb"))
=== secure
import os
from django.http import FileResponse

BASE = "/data/invoices"

def invoice(request, number):
    path = os.path.realpath(os.path.join(BASE, number))
    if not path.startswith(BASE + os.sep):
        raise PermissionError
    return FileResponse(open(path, "rb"))
=== pair
from fastapi import FastAPI, UploadFile

app = FastAPI()

@app.post("/upload")
async def upload(file: UploadFile):
    target = f"uploads/{file.filename}"
    with open(target, "wb") as out:
        out.write(await file.read())
=== secure
import uuid
from fastapi import FastAPI, UploadFile

app = FastAPI()

@app.post("/upload")
async def upload(file: UploadFile):
    target = f"uploads/{uuid.uuid4()}"
    with open(target, "wb") as out:
        out.write(await file.read())
=== pair
import os

def remove_avatar(user):
    os.remove("avatars/%s.png" % user)
=== secure
import os

def remove_avatar(user):
    os.remove("avatars/%s.png" % os.path.basename(user))
"""

_DESERIALIZATION = """
import pickle

def load_model(path):
    with open(path, "rb") as file:
        return pickle.load(file)
=== secure
import json

def load_model(path):
    with open(path) as file:
        return json.load(file)
=== pair
import yaml

def config(text):
    return yaml.load(text, Loader=yaml.FullLoader)
=== secure
import yaml

def config(text):
    return yaml.safe_load(text)
=== pair
from base64 import b64decode
from pickle import loads
from flask import request

def cart():
    return loads(b64decode(request.cookies["cart"]))
=== secure
from base64 import b64decode
from json import loads
from flask import request

def cart():
    return loads(b64decode(request.cookies["cart"]))
=== pair
import marshal

def code(data):
    return marshal.loads(data)
=== secure
import struct

def code(data):
    return struct.unpack("<II", data)
=== pair
import torch

def weights(path):
    return torch.load(path, weights_only=False)
=== secure
import torch

def weights(path):
    return torch.load(path, weights_only=True)
=== pair
import numpy as np

def arrays(path):
    return np.load(path, allow_pickle=True)
=== secure
import numpy as np

def arrays(path):
    return np.load(path)
=== pair
import jsonpickle

def session(text):
    return jsonpickle.decode(text)
=== secure
import tomllib

def session(text):
    return tomllib.loads(text)
"""

_CRYPTO = """
import hashlib

def etag(body):
    return hashlib.new("md5", body).hexdigest()
=== secure
import hashlib

def etag(body):
    return hashlib.md5(body, usedforsecurity=False).hexdigest()
=== pair
from Crypto.Cipher import AES

def encrypt(key, data):
    return AES.new(key, AES.MODE_ECB).encrypt(data)
=== secure
from Crypto.Cipher import AES

def encrypt(key, data):
    cipher = AES.new(key, AES.MODE_GCM)
    return cipher.encrypt_and_digest(data)
=== pair
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

def encryptor(key, iv):
    return Cipher(algorithms.TripleDES(key), modes.CBC(iv)).encryptor()
=== secure
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

def encryptor(key):
    return AESGCM(key)
=== pair
from cryptography.hazmat.primitives.asymmetric import rsa

def make_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=1024)
=== secure
from cryptography.hazmat.primitives.asymmetric import rsa

def make_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=3072)
=== pair
import ssl

def context():
    return ssl.SSLContext(ssl.PROTOCOL_TLSv1)
=== secure
import ssl

def context():
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    found.minimum_version = ssl.TLSVersion.TLSv1_2
    return found
=== pair
import hashlib

def store(password, salt):
    return hashlib.pbkdf2_hmac("sha256", password, salt, 100)
=== secure
import hashlib

def store(password, salt):
    return hashlib.pbkdf2_hmac("sha256", password, salt, 600_000)
"""

_CREDENTIALS = """
import smtplib

def send(message):
    with smtplib.SMTP("mail.example.org") as server:
        server.login("robot", "tr0ub4dor&3")
        server.send_message(message)
=== secure
import os
import smtplib

def send(message):
    with smtplib.SMTP("mail.example.org") as server:
        server.login("robot", os.environ["MAIL_PASSWORD"])
        server.send_message(message)
=== pair
import psycopg2

def connect():
    return psycopg2.connect(host="db", user="app", password="Winter2023!")
=== secure
import getpass
import psycopg2

def connect():
    return psycopg2.connect(host="db", user="app", password=getpass.getpass())
=== pair
import requests

API_KEY = "9f8a7b6c5d4e3f2a1b0c"

def weather(city):
    return requests.get("https://api.example.org", params={"q": city, "key": API_KEY}, timeout=5)
=== secure
import os
import requests

API_KEY = os.environ.get("WEATHER_API_KEY", "")

def weather(city):
    return requests.get("https://api.example.org", params={"q": city, "key": API_KEY}, timeout=5)
=== pair
from sqlalchemy import create_engine

def engine():
    return create_engine("postgresql://app:s3cretpw@db.internal/shop")
=== secure
import os
from sqlalchemy import create_engine

def engine():
    return create_engine(os.environ["DATABASE_URL"])
=== pair
import jwt

def sign(claims):
    return jwt.encode(claims, "my-signing-key-17", algorithm="HS256")
=== secure
import jwt

def sign(claims, key):
    return jwt.encode(claims, key, algorithm="HS256")
=== pair
from cryptography.fernet import Fernet

def seal(data):
    return Fernet(b"ZmDfcTF7_60GrrY167zsiPd67pEvs0aGOv2oasOM1Pg=").encrypt(data)
=== secure
from cryptography.fernet import Fernet

def seal(data, token_type="bearer"):
    return Fernet(Fernet.generate_key()).encrypt(data)
"""

_CERTIFICATES = """
import requests

def fetch(url):
    session = requests.Session()
    session.verify = False
    return session.get(url, timeout=5).text
=== secure
import requests

def fetch(url):
    session = requests.Session()
    session.verify = "/etc/ssl/our-ca.pem"
    return session.get(url, timeout=5).text
=== pair
import httpx

async def fetch(url):
    async with httpx.AsyncClient(verify=False) as client:
        return (await client.get(url)).text
=== secure
import httpx

async def fetch(url):
    async with httpx.AsyncClient() as client:
        return (await client.get(url)).text
=== pair
import ssl
import urllib.request

def fetch(url):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return urllib.request.urlopen(url, context=context).read()
=== secure
import ssl
import urllib.request

def fetch(url):
    context = ssl.create_default_context()
    context.verify_mode = ssl.CERT_REQUIRED
    return urllib.request.urlopen(url, context=context).read()
=== pair
import aiohttp

async def fetch(url):
    async with aiohttp.ClientSession() as session, session.get(url, ssl=False) as reply:
        return await reply.text()
=== secure
import aiohttp

async def fetch(url):
    async with aiohttp.ClientSession() as session, session.get(url) as reply:
        return await reply.text()
=== pair
import paramiko

def shell(host):
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    client.connect(host)
    return client
=== secure
import paramiko

def shell(host):
    client = paramiko.SSHClient()
    client.load_system_host_keys()
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    client.connect(host)
    return client
=== pair
import urllib3

def pool():
    return urllib3.PoolManager(cert_reqs="CERT_NONE")
=== secure
import urllib3

def pool():
    return urllib3.PoolManager(cert_reqs="CERT_REQUIRED")
"""


def _pairs(text: str) -> list[tuple[str, str]]:
    pairs = []
    for pair in text.split("=== pair\n"):
        insecure, secure = pair.split("=== secure\n")
        pairs.append((textwrap.dedent(insecure).strip(), textwrap.dedent(secure).strip()))
    return pairs


PAIRS = {
    "sql_injection": _pairs(_SQL),
    "command_injection": _pairs(_COMMAND),
    "cross_site_scripting": _pairs(_XSS),
    "path_traversal": _pairs(_PATH),
    "unsafe_deserialization": _pairs(_DESERIALIZATION),
    "weak_cryptography": _pairs(_CRYPTO),
    "hard_coded_credentials": _pairs(_CREDENTIALS),
    "certificate_validation": _pairs(_CERTIFICATES),
}
"""Weakness -> (insecure, secure) snippets."""
