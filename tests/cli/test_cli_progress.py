import io
import json

import pytest
from rich.console import Console

from dormouse.cli import progress
from dormouse.execute.events import (
    Blocked,
    Cached,
    Failed,
    Finished,
    Progress,
    Started,
    Waiting,
)
from dormouse.store.stage import Stage
from dormouse.store.store import Failure

A = Stage("base", {"n": 1}, labels={"size": 20000, "seed": 0, "role": "base"})
B = Stage("safety", {}, {"model": A}, {"size": 20000, "seed": 0, "role": "organism", "safety": "rl", "dose": 0.5})
STORY = [
    Cached(Stage("tokenizer", {})),
    Waiting(A),
    Started(A),
    Progress(A, 0.25, "step 1/4"),
    Progress(A, 0.5, "step 2/4"),
    Failed(A, Failure("It broke.", True)),
    Blocked(B, A),
]


@pytest.fixture
def now(monkeypatch):
    """A clock that stands at `now[0]`."""
    clock = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    return clock


def told(display, events, capsys):
    with display:
        for event in events:
            display(event)
    return capsys.readouterr().out.splitlines()


def test_plain_output_is_a_dated_line_for_what_happens(capsys, now):
    lines = told(progress.make_display(3, as_json=False), STORY, capsys)
    assert [line[10:] for line in lines] == [
        "waiting   base · 20000 · seed 0 · base: another run is working on it",
        "started   base · 20000 · seed 0 · base",
        "failed    base · 20000 · seed 0 · base: It broke.",
        f"blocked   safety · 20000 · seed 0 · organism · rl · dose 0.5: needs {A.name}, which failed",
    ]


def test_a_running_stage_says_how_far_it_is_every_half_minute(capsys, now):
    display = progress.Lines()
    display(Started(A))
    for second in range(1, 61):
        now[0] = float(second)
        display(Progress(A, second / 60, f"step {second}"))
    display(Finished(A, 60.2))
    assert [line[10:] for line in capsys.readouterr().out.splitlines()] == [
        "started   base · 20000 · seed 0 · base",
        "running   base · 20000 · seed 0 · base  50%  step 30",
        "running   base · 20000 · seed 0 · base  100%  step 60",
        "finished  base · 20000 · seed 0 · base  60 s",
    ]


def test_machines_get_every_event_and_progress_once_a_second(capsys, now):
    lines = [json.loads(line) for line in told(progress.make_display(3, as_json=True), STORY, capsys)]
    assert [line["event"] for line in lines] == ["cached", "waiting", "started", "progress", "failed", "blocked"]
    assert lines[3] == {
        "event": "progress",
        "stage": A.name,
        "kind": "base",
        "labels": A.labels,
        "share": 0.25,
        "text": "step 1/4",
    }
    assert (lines[4]["message"], lines[4]["user_error"], lines[5]["because"]) == ("It broke.", True, A.name)


def test_a_terminal_gets_a_bar_for_the_run_and_one_for_each_running_stage(monkeypatch):
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, highlight=False, width=120)
    monkeypatch.setattr(progress, "out", lambda: console)
    with progress.make_display(3, as_json=False) as bars:
        assert isinstance(bars, progress.Bars)
        for event in STORY[:4]:
            bars(event)
        running = [(task.description, task.completed, task.total) for task in bars._progress.tasks]
        assert running == [("all stages", 1, 3), ("base · 20000 · seed 0 · base", 25, 100)]
        for event in STORY[4:]:
            bars(event)
        assert [(task.description, task.completed) for task in bars._progress.tasks] == [("all stages", 3)]
    assert "failed    base · 20000 · seed 0 · base: It broke." in screen.getvalue()
