"""Shows the progress of a run: bars on a terminal, lines with the time in a file, or JSON."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from datetime import datetime
from types import TracebackType
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from dormouse.cli.console import out, print_json, print_line
from dormouse.cli.shelf import describe_labels
from dormouse.execute import events
from dormouse.store.stage import Stage

LINE_SECONDS = 30.0
"""Seconds between progress lines of a running stage in a log."""


class Display(AbstractContextManager["Display"]):
    """Shows the events of one run."""

    def __call__(self, event: events.Event) -> None:
        """Show an event."""
        raise NotImplementedError

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Do nothing at the end."""


def make_display(stages: int, *, as_json: bool) -> Display:
    """Make the display that suits the output."""
    if as_json:
        return JsonLines()
    return Bars(stages) if out().is_terminal else Lines()


def make_title(stage: Stage) -> str:
    """Name a stage in a few words."""
    return " · ".join(words for words in (stage.kind, describe_labels(stage.labels)) if words)


def describe_ending(event: events.Event) -> tuple[str, str] | None:
    """Return a line and its style for events that every text display shows; None for others."""
    match event:
        case events.Finished(stage, seconds):
            return f"finished  {make_title(stage)}  {seconds:.0f} s", ""
        case events.Failed(stage, error):
            return f"failed    {make_title(stage)}: {error.message}", "red"
        case events.Blocked(stage, because):
            return f"blocked   {make_title(stage)}: needs {because.name}, which failed", "yellow"
        case events.Waiting(stage):
            return f"waiting   {make_title(stage)}: another run is working on it", ""
    return None


class _Throttle:
    """Limits the progress messages of each stage to one in so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._last: dict[str, float] = {}

    def start(self, stage: Stage) -> None:
        self._last[stage.name] = time.monotonic()

    def is_due(self, stage: Stage) -> bool:
        now = time.monotonic()
        if now - self._last.get(stage.name, now - self._seconds) < self._seconds:
            return False
        self._last[stage.name] = now
        return True


class Lines(Display):
    """A line with the time for each event; cached stages are only counted at the end."""

    def __init__(self) -> None:
        self._throttle = _Throttle(LINE_SECONDS)

    def __call__(self, event: events.Event) -> None:
        """Print a line."""
        match event:
            case events.Started(stage):
                self._throttle.start(stage)
                self._print(f"started   {make_title(stage)}")
            case events.Progress(stage, share, text):
                if self._throttle.is_due(stage):
                    self._print(f"running   {make_title(stage)}  {100 * share:.0f}%  {text}")
            case _:
                if line := describe_ending(event):
                    self._print(*line)

    def _print(self, text: str, style: str = "") -> None:
        print_line(f"{datetime.now():%H:%M:%S}  {text}", style)


class JsonLines(Display):
    """One JSON object per event."""

    def __init__(self) -> None:
        self._throttle = _Throttle(1.0)

    def __call__(self, event: events.Event) -> None:
        """Print an object; for progress, at most one per second and stage."""
        if isinstance(event, events.Progress) and not self._throttle.is_due(event.stage):
            return
        stage = event.stage
        content: dict[str, Any] = {
            "event": type(event).__name__.lower(),
            "stage": stage.name,
            "kind": stage.kind,
            "labels": stage.labels,
        }
        match event:
            case events.Progress(_, share, text):
                content |= {"share": round(share, 4), "text": text}
            case events.Finished(_, seconds):
                content |= {"seconds": round(seconds, 3)}
            case events.Failed(_, error):
                content |= {"message": error.message, "user_error": error.user_error}
            case events.Blocked(_, because):
                content |= {"because": because.name}
        print_json(content)


class Bars(Display):
    """A bar for the run and one for each running stage."""

    def __init__(self, stages: int) -> None:
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}", style="dim", markup=False),
            console=out(),
        )
        self._all = self._progress.add_task("all stages", total=stages, note="")
        self._running: dict[str, TaskID] = {}

    def __enter__(self) -> Bars:
        """Start the live display."""
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the live display."""
        self._progress.stop()

    def __call__(self, event: events.Event) -> None:
        """Update the bars."""
        name = event.stage.name
        match event:
            case events.Started(stage):
                self._running[name] = self._progress.add_task(make_title(stage), total=100, note="")
            case events.Progress(_, share, text) if name in self._running:
                self._progress.update(self._running[name], completed=round(100 * share), note=text)
            case events.Finished() | events.Cached() | events.Failed() | events.Blocked():
                self._progress.advance(self._all)
                if name in self._running:
                    self._progress.remove_task(self._running.pop(name))
        if line := describe_ending(event):
            self._progress.console.print(line[0], style=line[1] or None, markup=False, soft_wrap=True)
