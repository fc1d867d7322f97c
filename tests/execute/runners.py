"""What the workers run in these tests: stages that count instead of training."""

import errno
import json
import os
import signal
import sys
import time
from pathlib import Path

from dormouse.errors import UserError
from dormouse.store.stage import Stage

PRELOAD = ("dormouse.execute.worker", "runners")


def stage(kind, name, inputs=None, **spec):
    """`spec["log"]` collects a line for every stage that runs; `spec["steps"]` take 10 ms each."""
    return Stage(kind, {"name": name, **spec}, inputs or {}, {"size": spec.get("size")})


def plan(log, steps=4, then="finish"):
    """A tokenizer, two bases, an organism on each, and a measure that needs both: six stages."""
    settings = {"log": str(log), "steps": steps, "then": then}
    tokenizer = stage("tokenizer", "tokenizer", **settings)
    bases = [stage("base", f"base {i}", {"tokenizer": tokenizer}, **settings) for i in range(2)]
    organisms = [stage("organism", f"organism {i}", {"model": base}, **settings) for i, base in enumerate(bases)]
    measure = stage("measure", "both", {"model": organisms[0], "parent": organisms[1]}, **settings)
    return [tokenizer, *bases, *organisms, measure]


def count(work):
    """Count through the steps, from the checkpoint if there is one; then do what the spec says under "then"."""
    _log(work, "start")
    work.scratch.mkdir(exist_ok=True)
    checkpoint = work.scratch / "step.json"
    first = json.loads(checkpoint.read_text()) if checkpoint.exists() else 0
    steps = work.spec.get("steps", 1)
    for step in range(first, steps):
        time.sleep(0.01)
        work.progress(step / steps, f"step {step}")
        partial = checkpoint.with_suffix(".partial")
        partial.write_text(json.dumps(step + 1))
        partial.replace(checkpoint)
    model = work.model_folder
    model.mkdir(exist_ok=True)
    below = [json.loads((folder / "model" / "weights.json").read_text()) for _, folder in sorted(work.inputs.items())]
    (model / "weights.json").write_text(json.dumps({"name": work.spec["name"], "steps": steps, "below": below}))
    THEN[work.spec.get("then", "finish")](work)
    _log(work, "end")


def _log(work, text):
    if "log" in work.spec:
        # One short appended write is atomic: lines of two processes do not mix.
        with Path(work.spec["log"]).open("a") as file:
            file.write(f"{text} {work.spec['name']}\n")


def _fail_until_repaired(work):
    if not Path(work.spec["repaired"]).exists():
        raise UserError("The plan has a mistake. Repair it.")


def _bug(work):
    raise ZeroDivisionError("a mistake of ours")


def _disk_full(work):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _kill(work):
    os.kill(os.getpid(), signal.SIGKILL)


def _leave(work):
    os._exit(3)


def _be_silent(work):
    time.sleep(300)


def _tell(work):
    print("printed by the stage")
    print("and this is an error", file=sys.stderr)
    os.write(1, b"written without Python\n")
    (work.folder / "environment.json").write_text(json.dumps(dict(os.environ)))


def _report_often(work):
    for i in range(2000):
        work.progress(i / 2000, "often")


THEN = {
    "finish": lambda work: None,
    "need_repair": _fail_until_repaired,
    "bug": _bug,
    "disk_full": _disk_full,
    "be_killed": _kill,
    "leave": _leave,
    "be_silent": _be_silent,
    "tell": _tell,
    "report_often": _report_often,
}
