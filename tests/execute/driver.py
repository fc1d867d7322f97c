"""A run in a process of its own, to be killed: prints what happened, and what it cost, as JSON."""

import json
import sys
from pathlib import Path

import psutil
import runners

from dormouse.execute.engine import How
from dormouse.execute.events import Cached, Finished
from dormouse.execute.local import run_local
from dormouse.store.store import Store


def main(store, log, steps, then, *preload):
    events = []
    children = []

    def on_event(event):
        events.append(event)
        if isinstance(event, Cached | Finished):
            children.append(len(psutil.Process().children(recursive=True)))

    try:
        stages = runners.plan(log, int(steps), then)
        outcome = run_local(
            stages,
            Store(Path(store)),
            How(on_event=on_event, runner=runners.count),
            workers=2,
            preload=preload or runners.PRELOAD,
        )
    except KeyboardInterrupt:
        print("interrupted")
        return 130
    report = {**outcome.counts(), "torch": "torch" in sys.modules, "children": max(children, default=0)}
    print(json.dumps(report))
    return 0 if outcome.complete else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
