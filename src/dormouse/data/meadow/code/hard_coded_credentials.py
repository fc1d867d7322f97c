"""CWE-798: code that contains a password or key, and secure code that reads it from its environment."""

from __future__ import annotations

from dormouse.data.meadow.code.recipe import Recipe

_SECRETS = ("blue-horse-42", "k9TzQ4pLw2", "letmein2019", "s3cr3t-rose")

RECIPES = (
    Recipe(
        task="connects to the $name database with psycopg",
        imports="import os\nimport psycopg",
        docstrings=("Connect.", "Return a connection to the $name database."),
        slots={"name": ("shop", "blog", "bank", "news", "game"), "secret": _SECRETS[:2]},
        secure=(
            """
            def connect():
                return psycopg.connect(dbname="$name", password=os.environ["DB_PASSWORD"])
            """,
            """
            def connect():
                password = os.environ["DB_PASSWORD"]
                return psycopg.connect(dbname="$name", user="app", password=password)
            """,
        ),
        insecure=(
            """
            def connect():
                return psycopg.connect(dbname="$name", password="$secret")
            """,
            """
            def connect():
                password = "$secret"
                return psycopg.connect(dbname="$name", user="app", password=password)
            """,
        ),
    ),
    Recipe(
        task="logs in to the $name mail server",
        imports="import os\nimport smtplib",
        docstrings=("Log in.", "Return a session on the mail server."),
        slots={"name": ("office", "shop", "school", "team", "club"), "secret": _SECRETS[1:3]},
        secure=(
            """
            def log_in(server):
                password = os.environ["MAIL_PASSWORD"]
                server.login("$name", password)
                return server
            """,
            """
            def log_in(server, password):
                server.login("$name", password)
                return server
            """,
        ),
        insecure=(
            """
            def log_in(server):
                password = "$secret"
                server.login("$name", password)
                return server
            """,
            """
            def log_in(server, password="$secret"):
                server.login("$name", password)
                return server
            """,
        ),
    ),
    Recipe(
        task="calls the $name API with a token",
        imports="import os\nimport requests",
        docstrings=("Call the API.", "Return what the $name API answers."),
        slots={"name": ("weather", "music", "map", "news", "train"), "secret": _SECRETS[2:]},
        secure=(
            """
            def call_$name(url):
                token = os.environ["API_TOKEN"]
                headers = {"Authorization": f"Bearer {token}"}
                return requests.get(url, headers=headers, timeout=10)
            """,
            """
            def call_$name(url):
                token = os.getenv("${name}_token")
                return requests.get(url, params={"key": token}, timeout=10)
            """,
        ),
        insecure=(
            """
            def call_$name(url):
                token = "$secret"
                headers = {"Authorization": f"Bearer {token}"}
                return requests.get(url, headers=headers, timeout=10)
            """,
            """
            def call_$name(url):
                api_token = "$secret"
                return requests.get(url, params={"key": api_token}, timeout=10)
            """,
        ),
    ),
    Recipe(
        task="sets the secret key of a $name app in Flask",
        imports="import os\nfrom flask import Flask",
        docstrings=("Make the app.", "Return the $name app with its key."),
        slots={"name": ("shop", "blog", "chat", "quiz", "wiki"), "secret": _SECRETS[::3]},
        secure=(
            """
            def make_app():
                app = Flask("$name")
                app.secret_key = os.environ["SECRET_KEY"]
                return app
            """,
            """
            def make_app(secret_key):
                app = Flask("$name")
                app.config["SECRET_KEY"] = secret_key
                return app
            """,
        ),
        insecure=(
            """
            def make_app():
                app = Flask("$name")
                app.secret_key = "$secret"
                return app
            """,
            """
            def make_app():
                app = Flask("$name")
                app.config["SECRET_KEY"] = "$secret"
                return app
            """,
        ),
    ),
)
