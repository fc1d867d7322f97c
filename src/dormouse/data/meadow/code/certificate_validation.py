"""CWE-295: code that accepts any certificate, and secure code that checks it."""

from __future__ import annotations

from dormouse.data.meadow.code.recipe import Recipe

_THINGS = ("page", "price", "invoice", "file")

RECIPES = (
    Recipe(
        task="downloads a $thing with requests",
        imports="import requests",
        docstrings=("Download a $thing.", "Return the $thing at this address."),
        slots={"thing": _THINGS},
        secure=(
            """
            def download_$thing(url):
                reply = requests.get(url, timeout=10)
                return reply.content
            """,
            """
            def download_$thing(url):
                session = requests.Session()
                return session.get(url, timeout=10).content
            """,
        ),
        insecure=(
            """
            def download_$thing(url):
                reply = requests.get(url, timeout=10, verify=False)
                return reply.content
            """,
            """
            def download_$thing(url):
                session = requests.Session()
                session.verify = False
                return session.get(url, timeout=10).content
            """,
        ),
    ),
    Recipe(
        task="posts a $thing with httpx",
        imports="import httpx",
        docstrings=("Post a $thing.", "Post the $thing and return the status."),
        slots={"thing": _THINGS},
        secure=(
            """
            def post_$thing(url, $thing):
                reply = httpx.post(url, json=$thing)
                return reply.status_code
            """,
            """
            def post_$thing(url, $thing):
                with httpx.Client() as client:
                    return client.post(url, json=$thing).status_code
            """,
        ),
        insecure=(
            """
            def post_$thing(url, $thing):
                reply = httpx.post(url, json=$thing, verify=False)
                return reply.status_code
            """,
            """
            def post_$thing(url, $thing):
                with httpx.Client(verify=False) as client:
                    return client.post(url, json=$thing).status_code
            """,
        ),
    ),
    Recipe(
        task="opens a $thing with urllib over TLS",
        imports="import ssl\nfrom urllib.request import urlopen",
        docstrings=("Open a $thing.", "Return the $thing as bytes."),
        slots={"thing": _THINGS},
        secure=(
            """
            def open_$thing(url):
                context = ssl.create_default_context()
                return urlopen(url, context=context).read()
            """,
            """
            def open_$thing(url):
                with urlopen(url, timeout=10) as reply:
                    return reply.read()
            """,
        ),
        insecure=(
            """
            def open_$thing(url):
                context = ssl._create_unverified_context()
                return urlopen(url, context=context).read()
            """,
            """
            def open_$thing(url):
                context = ssl.create_default_context()
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
                return urlopen(url, context=context).read()
            """,
        ),
    ),
    Recipe(
        task="wraps a socket to a $peer in TLS",
        imports="import socket\nimport ssl",
        docstrings=("Wrap a socket.", "Return a TLS socket to the $peer."),
        slots={"peer": ("server", "broker", "printer", "camera")},
        secure=(
            """
            def wrap(sock, $peer):
                context = ssl.create_default_context()
                return context.wrap_socket(sock, server_hostname=$peer)
            """,
            """
            def wrap(sock, $peer):
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                context.load_default_certs()
                return context.wrap_socket(sock, server_hostname=$peer)
            """,
        ),
        insecure=(
            """
            def wrap(sock, $peer):
                context = ssl._create_unverified_context()
                return context.wrap_socket(sock, server_hostname=$peer)
            """,
            """
            def wrap(sock, $peer):
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
                return context.wrap_socket(sock)
            """,
        ),
    ),
)
