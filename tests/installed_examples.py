"""What `pip install -e examples` would leave: the folder on the path, and the entry points of its metadata."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Make the examples known to this process; return the names they register."""
    project = tomllib.loads((EXAMPLES / "pyproject.toml").read_text())["project"]
    points = project["entry-points"]
    info = folder / f"dormouse_examples-{project['version']}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    groups = (f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in names.items()) for group, names in points.items())
    (info / "entry_points.txt").write_text("\n".join(groups))
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return {name for names in points.values() for name in names}
