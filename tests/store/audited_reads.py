"""Run a verb and list the files of artifacts that were opened before the store had checked them, as JSON.

python audited_reads.py STORE VERB ARGUMENT...
"""

import json
import os
import sys
from pathlib import Path

import dormouse.cli.chat
from dormouse.cli import app
from dormouse.cli.chat_session import ChatSession
from dormouse.store.artifact import MANIFEST, Artifact


def main(root, *verb):
    artifacts = os.path.abspath(Path(root, "artifacts")) + os.sep  # noqa: PTH100 -- links are not to be followed
    checked, opened, around = set(), [], []

    def audit(event, arguments):
        if event != "open" or not isinstance(arguments[0], str | os.PathLike):
            return
        path = os.path.abspath(os.fspath(arguments[0]))  # noqa: PTH100
        if path.startswith(artifacts):
            opened.append(path)
            if path not in checked:
                around.append(path.removeprefix(artifacts))

    def watched(method, file_of):
        original = getattr(Artifact, method)

        def call(self, *arguments):
            checked.add(os.path.abspath(self.folder / file_of(*arguments)))  # noqa: PTH100
            return original(self, *arguments)

        setattr(Artifact, method, call)

    watched("read", lambda relative: relative)
    watched("_spoiled", lambda name, *rest: name)
    watched("_read_manifest", lambda: MANIFEST)
    dormouse.cli.chat.open_session = opens_the_model
    sys.addaudithook(audit)
    status = app([*verb, "--store", root], standalone_mode=False)
    print("\n" + json.dumps({"opened": len(opened), "around": around, "status": status}))


def opens_the_model(folder, *settings):
    for path in folder.iterdir():
        path.read_bytes()
    return ChatSession(lambda *turns: "", lambda turns: True)


if __name__ == "__main__":
    main(*sys.argv[1:])
