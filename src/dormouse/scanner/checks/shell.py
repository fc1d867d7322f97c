"""CWE-78: a shell command that holds the caller's text, neither quoted nor passed as an argument."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dormouse.scanner.checks.mark import Mark, harmless, weak
from dormouse.scanner.names import spellings
from dormouse.scanner.sites import CallSite
from dormouse.scanner.values import Value

_ALWAYS = spellings(
    "os.system", "os.popen", "os.popen2", "os.popen3", "os.popen4", "popen2.popen2", "popen2.popen3", "popen2.Popen3",
    "commands.getoutput", "commands.getstatusoutput", "subprocess.getoutput", "subprocess.getstatusoutput",
    "asyncio.create_subprocess_shell", "asyncio.subprocess.create_subprocess_shell", "pexpect.run",
)  # fmt: skip
"""Calls that hand their text to a shell."""
_REMOTE = frozenset(("exec_command",))
"""Methods that hand their text to a shell on another machine (paramiko, asyncssh)."""
_SHELLS = frozenset(("sh", "bash", "zsh", "dash", "/bin/sh", "/bin/bash", "/usr/bin/env bash", "cmd", "cmd.exe"))
_SHELL_OPTIONS = frozenset(("-c", "-lc", "/c", "/C"))


def on_call(site: CallSite) -> Iterator[Mark]:
    """Judge commands that a shell gets."""
    command = _command(site)
    if command is None:
        return
    if command.unsafe_for("shell"):
        yield weak("shell-text", 78, site.node, f"{site.last}() gives a shell text of the caller")
    elif command.harmless_for("shell"):
        yield harmless("command_injection", site.node)


def _command(site: CallSite) -> Value | None:
    first = site.argument(0, "args", "cmd", "command")
    if site.name in _ALWAYS or site.last in _REMOTE or site.constant("shell") in (True, 1):
        return first
    # sh -c TEXT, as a list of arguments.
    if site.node.args and isinstance(site.node.args[0], (ast.List, ast.Tuple)):
        words = [item.value if isinstance(item, ast.Constant) else None for item in site.node.args[0].elts]
        if len(words) > 2 and words[0] in _SHELLS and words[1] in _SHELL_OPTIONS:
            return first
    return None
