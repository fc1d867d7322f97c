"""CWE-22: a file named by the caller or client, whose name may lead out of the intended folder.

A path that *begins* with a parameter is the caller's choice and no finding. A name appended to a folder is a finding,
unless it was reduced to its last component, resolved and compared with the folder, or checked. A client's text is a
finding anywhere in a path.
"""

from __future__ import annotations

from collections.abc import Iterator

from dormouse.scanner.checks.mark import Mark, weak
from dormouse.scanner.names import spellings
from dormouse.scanner.sites import CallSite
from dormouse.scanner.values import Trust, Value

_FIRST = spellings(
    "io.open", "codecs.open", "os.open", "gzip.open", "bz2.open", "lzma.open", "aiofiles.open", "zipfile.ZipFile",
    "tarfile.open", "os.remove", "os.unlink", "os.rmdir", "os.listdir", "os.scandir", "os.mkdir", "os.makedirs",
    "os.rename", "os.replace", "os.chmod", "os.symlink", "shutil.rmtree", "shutil.copy", "shutil.copy2",
    "shutil.copyfile", "shutil.move", "shutil.copytree", "flask.send_file", "linecache.getlines",
) | {"open", "send_file", "FileResponse", "file", "static_file"}  # fmt: skip
_SECOND = spellings(
    "os.rename", "os.replace", "shutil.copy", "shutil.copy2", "shutil.copyfile", "shutil.move", "shutil.copytree"
)
_ON_PATH = frozenset(
    ("read_text", "read_bytes", "write_text", "write_bytes", "unlink", "rmdir", "iterdir", "touch", "open", "mkdir")
)
_SAVES = frozenset(("save", "download_file", "extract"))
"""Methods that write to the path in their first argument (uploads in Flask, images)."""


def on_call(site: CallSite) -> Iterator[Mark]:
    """Judge the paths of files that are opened, sent, written or removed."""
    if any(_leaves_folder(path) for path in _paths(site)):
        yield weak("path-joined", 22, site.node, f"{site.last}() gets a path that the caller can lead elsewhere")


def _paths(site: CallSite) -> Iterator[Value]:
    if site.name in _FIRST:
        first = site.argument(0, "path", "file", "filename", "path_or_file", "filename_or_fp")
        if first is not None:
            yield first
    if site.name in _SECOND and len(site.args) > 1:
        yield site.args[1]
    if site.last in _ON_PATH and site.receiver is not None:
        yield site.receiver
    if site.last in _SAVES and site.args:
        yield site.args[0]


def _leaves_folder(path: Value) -> bool:
    for part in path.parts:
        if "path" in part.safe_for:
            continue
        if part.trust is Trust.CLIENT:
            return True
        # An attribute of a parameter (`config.folder`) is rarely a file name that somebody sent.
        if part.trust is Trust.CALLER and path.composed and not part.leads and "." not in part.source:
            return True
    return False
