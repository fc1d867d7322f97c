"""Runs a function with limits on time and memory, in a copy of this process: a foreign file may exhaust both.

Only Linux can safely copy a process that has imported torch, and only before it opens a GPU. Otherwise the function
runs in this process, without limits.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from typing import Any

from dormouse.errors import UserError

MEMORY = 4 << 30
"""Bytes that the function may take beyond what this process already holds."""
PATIENCE = 20
"""Wall-clock seconds for each CPU second: other processes use the machine too."""

Begin = Callable[[str, float], None]
"""Called by the function before each step, with what it does next and the CPU seconds that this may take."""


class TooMuch(Exception):
    """The function exceeded a limit; the text says which, and what it was doing."""


def run_limited(function: Callable[[Begin], Any], memory: int = MEMORY) -> Any:
    """Return the function's result, as JSON data; `TooMuch` if it exceeds a limit or ends its process.

    `UserError` passes through. The function must not open a GPU.
    """
    if not _can_be_copied():
        try:
            return function(lambda doing, seconds: None)
        except MemoryError as error:
            raise TooMuch("it takes more memory than there is") from error
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        # It warns of threads, but ours only wait for pipes and hold no lock that the copy needs.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        os.close(reading)
        _run(function, writing, memory)
    os.close(writing)
    try:
        return _listen(reading)
    finally:
        os.close(reading)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _can_be_copied() -> bool:
    torch = sys.modules.get("torch")
    return sys.platform == "linux" and not (torch and torch.cuda.is_initialized())


def _run(function: Callable[[Begin], Any], pipe: int, memory: int) -> None:
    """Run the function, report the outcome, and end this process."""
    said: dict[str, Any] = {}
    try:
        _limit_memory(memory)
        # The copy lacks the threads of this process, and libraries that use several would wait for them.
        os.environ["TOKENIZERS_PARALLELISM"] = "false"
        if torch := sys.modules.get("torch"):
            torch.set_num_threads(1)
        said = {"returned": function(lambda doing, seconds: _begin(pipe, doing, seconds))}
    except UserError as error:
        said = {"user_error": str(error)}
    except MemoryError:
        said = {"too_much": f"takes more than {memory >> 30} GiB of memory"}
    except BaseException:
        said = {"bug": traceback.format_exc()}
    finally:
        _say(pipe, said)
        os._exit(0)


def _limit_memory(memory: int) -> None:
    import resource  # not on Windows

    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 (nothing else is open yet)
        held = int(file.read().split()[0]) * resource.getpagesize()
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    limit = held + memory if most == resource.RLIM_INFINITY else min(held + memory, most)
    resource.setrlimit(resource.RLIMIT_AS, (limit, most))
    # Rust aborts the process when memory runs out, and dumping a large one takes long.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _begin(pipe: int, doing: str, seconds: float) -> None:
    _say(pipe, {"doing": doing, "seconds": seconds})
    # Ends the process at any point, even in a call that never returns.
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, seconds)


def _say(pipe: int, said: dict[str, Any]) -> None:
    text = (json.dumps(said) + "\n").encode()
    while text:
        text = text[os.write(pipe, text) :]


def _listen(pipe: int) -> Any:
    doing, seconds, heard = "it", 10.0, b""
    until = time.monotonic() + seconds * PATIENCE
    while True:
        ready, _, _ = select.select([pipe], [], [], max(0.0, until - time.monotonic()))
        piece = os.read(pipe, 1 << 16) if ready else b""
        if not piece:
            raise TooMuch(f"{doing} takes more than {seconds:g} seconds, or all memory")
        *lines, heard = (heard + piece).split(b"\n")
        for line in lines:
            said = json.loads(line)
            match said:
                case {"doing": doing, "seconds": seconds}:
                    until = time.monotonic() + seconds * PATIENCE
                case {"returned": value}:
                    return value
                case {"user_error": text}:
                    raise UserError(text)
                case {"too_much": text}:
                    raise TooMuch(f"{doing} {text}")
                case {"bug": text}:
                    raise RuntimeError(text)
