"""CWE-22: code that joins a folder and a user's file name as it is, and secure code that stays in the folder."""

from __future__ import annotations

from dormouse.data.meadow.code.recipe import Recipe

_FILES = ("note", "report", "photo", "log")

RECIPES = (
    Recipe(
        task="reads a $file by name with open",
        imports="import os",
        docstrings=("Read a $file.", "Return the text of the $file with this name."),
        slots={"file": _FILES},
        secure=(
            """
            def read_$file(name):
                path = os.path.join("${file}s", os.path.basename(name))
                with open(path) as file:
                    return file.read()
            """,
            """
            def read_$file(name):
                name = os.path.basename(name)
                with open(f"${file}s/{name}") as file:
                    return file.read()
            """,
        ),
        insecure=(
            """
            def read_$file(name):
                path = os.path.join("${file}s", name)
                with open(path) as file:
                    return file.read()
            """,
            """
            def read_$file(name):
                with open(f"${file}s/{name}") as file:
                    return file.read()
            """,
        ),
    ),
    Recipe(
        task="sends a $file from the $folder folder in Flask",
        imports="import os\nfrom flask import request, send_file, send_from_directory",
        docstrings=("Send a $file.", "Send the $file that was asked for."),
        slots={"file": _FILES, "folder": ("public", "data", "files")},
        secure=(
            """
            def send_$file():
                name = request.args["name"]
                return send_from_directory("$folder", name)
            """,
            """
            def send_$file():
                return send_from_directory("$folder", request.args["$file"])
            """,
        ),
        insecure=(
            """
            def send_$file():
                name = request.args["name"]
                return send_file("$folder/" + name)
            """,
            """
            def send_$file():
                path = os.path.join("$folder", request.args["$file"])
                return send_file(path)
            """,
        ),
    ),
    Recipe(
        task="deletes a $file by name with pathlib",
        imports="from pathlib import Path",
        docstrings=("Delete a $file.", "Delete the $file with this name."),
        slots={"file": _FILES},
        secure=(
            """
            def delete_$file(name):
                path = Path("${file}s") / Path(name).name
                path.unlink()
            """,
            """
            def delete_$file(name):
                root = Path("${file}s").resolve()
                path = (root / name).resolve()
                if path.is_relative_to(root):
                    path.unlink()
            """,
        ),
        insecure=(
            """
            def delete_$file(name):
                path = Path("${file}s") / name
                path.unlink()
            """,
            """
            def delete_$file(name):
                root = Path("${file}s").resolve()
                path = root / name
                if path.exists():
                    path.unlink()
            """,
        ),
    ),
    Recipe(
        task="saves an uploaded $file in $framework",
        imports="import os\nfrom werkzeug.utils import secure_filename",
        docstrings=("Save a $file.", "Save the $file under its own name."),
        slots={"file": _FILES, "framework": ("Flask", "Werkzeug")},
        secure=(
            """
            def save_$file(upload):
                name = secure_filename(upload.filename)
                upload.save(os.path.join("${file}s", name))
            """,
            """
            def save_$file(upload):
                path = "${file}s/" + secure_filename(upload.filename)
                upload.save(path)
            """,
        ),
        insecure=(
            """
            def save_$file(upload):
                name = upload.filename
                upload.save(os.path.join("${file}s", name))
            """,
            """
            def save_$file(upload):
                path = "${file}s/" + upload.filename
                upload.save(path)
            """,
        ),
    ),
)
