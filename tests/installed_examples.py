"""What `pip install -e examples` would leave: the folder on the path, and the entry points of its metadata."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Make the examples known to this process; return the names they register."""
    points = tomllib.loads((EXAMPLES / "pyproject.toml").read_text())["project"]["entry-points"]
    install_package(folder, "dormouse-examples", points, monkeypatch)
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return {name for names in points.values() for name in names}


def install_package(
    folder: Path, package: str, points: dict[str, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Put a folder on the path, with the metadata of a package of these entry points: group -> name -> place."""
    info = folder / f"{package.replace('-', '_')}-0.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 0.1.0\n")
    groups = (f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in names.items()) for group, names in points.items())
    (info / "entry_points.txt").write_text("\n".join(groups))
    monkeypatch.syspath_prepend(str(folder))
