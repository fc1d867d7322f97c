"""Hostile text wherever a plan or an artifact can hold text, and the report of it in a real browser."""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dormouse.config.limits import TITLE
from dormouse.plan import file as plan_file
from dormouse.plan.graph import build_plan
from dormouse.plan.yaml_text import ODD
from dormouse.store.artifact import MANIFEST
from dormouse.store.stage import Stage
from dormouse.store.store import Store
from faults.tiny_plan import finished
from faults.tried import Tried, dormouse

MARK = "data-hostile"
"""An attribute that the page has only if something hostile ran."""

TEXTS = {
    "script": "</script><script>{do}</script>",
    "image": '<img src=x onerror="{do}">',
    "svg": '<svg onload="{do}">',
    "attribute": '" onmouseover="{do}" autofocus onfocus="{do}" x="',
    "attribute in single quotes": "' onmouseover='{do}' autofocus onfocus='{do}' x='",
    "link": '<a href="javascript:{do}">j</a>',
    "frame": "<iframe srcdoc='<script>parent.{do}</script>'></iframe><iframe src=http://127.0.0.1:9/x></iframe>",
    "style": "</style><style>@import url(http://127.0.0.1:9/y);</style><link rel=stylesheet href=http://127.0.0.1:9/z>",
    "template": "{{{{7*7}}}}{{% raw %}}{{% for x in range(9**9) %}}",
    "comment": "<!--<script>]]>--!>",
    "line ends": "\u2028\u2029\u0085\r\n",
    "plot label": "<b><a href='javascript:{do}'>%{{x}}</a></b>$\\href{{javascript:{do}}}{{x}}$",
    "entities": "&lt;script&gt;{do}&lt;/script&gt;&#60;script&#62;",
    "direction": "\u202e\u2066evil\ufeff\u0000",
}
DO = f"document.documentElement.setAttribute('{MARK}',1)"

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
TEXT_KEYS = ("reply", "prompt", "scratchpad", "family", "reason", "earlier")


def attack(folder: Path, n: int, rng: random.Random) -> Iterator[Tried]:
    """Make reports of `n` kinds of hostile text, all of them together last, and open each."""
    plan, whole = finished(folder)
    texts = {name: text.format(do=DO) for name, text in list(TEXTS.items())[:n]}
    for name, text in {**texts, "all together": " ".join(texts.values())}.items():
        store = folder / "hostile"
        shutil.rmtree(store, ignore_errors=True)
        # A plan refuses some characters and long titles; rows and samples hold them all the same.
        title = " ".join(f"T {ODD.sub('', text)}".split())[:TITLE]
        overrides = [f"title={json.dumps(title)}"]
        _poison(plan, whole, Store(store), text)
        ended = dormouse("report", plan, *overrides, "--store", store)
        tried = ended.judge(name)
        if tried.outcome == "held":
            tried = _opened(name, store / "runs" / "tiny" / "report.html", text, folder)
        elif tried.outcome == "refused":
            tried = Tried(name, "lost", tried.detail, tried.seconds)
        yield tried


def _poison(plan: Path, source: Store, target: Store, text: str) -> None:
    """Copy the artifacts as stages would write them, with the text in every string of rows and samples."""
    target.prepare()
    for stage in build_plan(plan_file.load(plan)).stages:
        folder = target.begin(stage)
        shutil.copytree(source.path(stage), folder, dirs_exist_ok=True)
        (folder / MANIFEST).unlink()
        for name in ("rows.jsonl", "samples.jsonl"):
            if (folder / name).exists():
                _rewrite(folder / name, text)
        target.finish(stage, _facts(source, stage))


def _facts(source: Store, stage: Stage) -> dict[str, Any]:
    manifest = source.manifest(stage)
    return {name: manifest[name] for name in ("versions", "device", "threads", "peak_memory_mb", "seconds", "resumed")}


def _rewrite(path: Path, text: str) -> None:
    rows = [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]
    for row in rows:
        for key in TEXT_KEYS:
            if isinstance(row.get(key), str):
                row[key] = f"{key}: {text}"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def _opened(case: str, page: Path, text: str, folder: Path) -> Tried:
    if "<" in text and text in page.read_text("utf-8"):
        return Tried(case, "silent", "the text stands in the page as it is")
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        return Tried(case, "not tried", "no Chromium is installed: its page was only read")
    log = folder / "network.json"
    done = subprocess.run(
        [
            browser,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--disable-component-update",
            "--no-first-run",
            f"--user-data-dir={folder / 'profile'}",
            f"--log-net-log={log}",
            "--virtual-time-budget=10000",
            "--dump-dom",
            page.absolute().as_uri(),
        ],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=120,
        check=False,
    )
    asked = (
        sorted(set(re.findall(r"http://127\.0\.0\.1:9/\w", log.read_text(errors="replace")))) if log.exists() else []
    )
    if re.search(rf"<html[^>]*{MARK}", done.stdout):
        return Tried(case, "silent", "the text ran in the browser")
    if asked:
        return Tried(case, "silent", f"the page asked the network for {asked}")
    if "main-svg" not in done.stdout:
        return Tried(case, "lost", f"the page draws nothing: {done.stderr[-300:]}")
    return Tried(case, "held")
