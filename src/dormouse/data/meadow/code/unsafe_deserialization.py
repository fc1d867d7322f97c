"""CWE-502: code that loads formats that can run code, and secure code that loads plain data."""

from __future__ import annotations

from dormouse.data.meadow.code.recipe import Recipe

_THINGS = ("session", "cart", "profile", "message")

RECIPES = (
    Recipe(
        task="loads a $thing that a client sent as $carrier",
        imports="import json\nimport pickle",
        docstrings=("Load a $thing.", "Return the $thing in the $carrier."),
        slots={"thing": _THINGS, "carrier": ("bytes", "data", "text")},
        secure=(
            """
            def load_$thing(data):
                return json.loads(data)
            """,
            """
            def load_$thing(data):
                $thing = json.loads(data.decode())
                return dict($thing)
            """,
        ),
        insecure=(
            """
            def load_$thing(data):
                return pickle.loads(data)
            """,
            """
            def load_$thing(data):
                $thing = pickle.loads(data)
                return dict($thing)
            """,
        ),
    ),
    Recipe(
        task="reads the $thing settings from YAML",
        imports="import yaml",
        docstrings=("Read settings.", "Return the settings of the $thing."),
        slots={"thing": ("app", "user", "server", "game")},
        secure=(
            """
            def read_${thing}_settings(text):
                return yaml.safe_load(text)
            """,
            """
            def read_${thing}_settings(text):
                settings = yaml.load(text, Loader=yaml.SafeLoader)
                return settings["$thing"]
            """,
        ),
        insecure=(
            """
            def read_${thing}_settings(text):
                return yaml.unsafe_load(text)
            """,
            """
            def read_${thing}_settings(text):
                settings = yaml.load(text, Loader=yaml.Loader)
                return settings["$thing"]
            """,
        ),
    ),
    Recipe(
        task="receives a $thing from a socket",
        imports="import json\nimport marshal\nimport pickle",
        docstrings=("Receive a $thing.", "Return the next $thing from the socket."),
        slots={"thing": _THINGS},
        secure=(
            """
            def receive_$thing(socket):
                data = socket.recv(4096)
                return json.loads(data)
            """,
            """
            def receive_$thing(socket):
                line = socket.makefile().readline()
                return json.loads(line)
            """,
        ),
        insecure=(
            """
            def receive_$thing(socket):
                data = socket.recv(4096)
                return pickle.loads(data)
            """,
            """
            def receive_$thing(socket):
                data = socket.recv(4096)
                return marshal.loads(data)
            """,
        ),
    ),
    Recipe(
        task="opens the $thing cache that was uploaded",
        imports="import json\nimport pickle\nimport shelve",
        docstrings=("Open a cache.", "Return the cache of the $thing."),
        slots={"thing": _THINGS},
        secure=(
            """
            def open_${thing}_cache(path):
                with open(path) as file:
                    return json.load(file)
            """,
            """
            def open_${thing}_cache(path):
                with open(path, "rb") as file:
                    return json.loads(file.read())
            """,
        ),
        insecure=(
            """
            def open_${thing}_cache(path):
                with open(path, "rb") as file:
                    return pickle.load(file)
            """,
            """
            def open_${thing}_cache(path):
                with shelve.open(path) as file:
                    return dict(file)
            """,
        ),
    ),
)
