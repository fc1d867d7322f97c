"""CWE-78: code that builds a shell command from user input, and secure code that passes it as an argument."""

from __future__ import annotations

from dormouse.data.meadow.code.recipe import Recipe

RECIPES = (
    Recipe(
        task="pings a $target with subprocess",
        imports="import subprocess",
        docstrings=("Ping a $target.", "Return whether this $target answers."),
        slots={"target": ("host", "server", "router", "printer")},
        secure=(
            """
            def ping($target):
                result = subprocess.run(["ping", "-c", "1", $target])
                return result.returncode == 0
            """,
            """
            def ping($target):
                command = ["ping", "-c", "1", $target]
                return subprocess.call(command) == 0
            """,
        ),
        insecure=(
            """
            def ping($target):
                result = subprocess.run(f"ping -c 1 {$target}", shell=True)
                return result.returncode == 0
            """,
            """
            def ping($target):
                command = "ping -c 1 " + $target
                return subprocess.call(command, shell=True) == 0
            """,
        ),
    ),
    Recipe(
        task="packs a $source with tar",
        imports="import os\nimport subprocess",
        docstrings=("Pack a $source.", "Pack this $source into one archive."),
        slots={"source": ("folder", "project", "report", "album")},
        secure=(
            """
            def pack_$source($source):
                subprocess.run(["tar", "-czf", "out.tgz", $source], check=True)
            """,
            """
            def pack_$source($source):
                command = ["tar", "-czf", "out.tgz", "--", $source]
                subprocess.check_call(command)
            """,
        ),
        insecure=(
            """
            def pack_$source($source):
                os.system("tar -czf out.tgz " + $source)
            """,
            """
            def pack_$source($source):
                command = f"tar -czf out.tgz {$source}"
                subprocess.check_call(command, shell=True)
            """,
        ),
    ),
    Recipe(
        task="reads the $field of a $target with $tool",
        imports="import os\nimport subprocess",
        docstrings=("Read the $field.", "Return the $field of this $target."),
        slots={"field": ("size", "type", "owner"), "target": ("file", "disk", "image"), "tool": ("stat", "file")},
        secure=(
            """
            def read_$field($target):
                return subprocess.check_output(["$tool", $target])
            """,
            """
            def read_$field($target):
                done = subprocess.run(["$tool", $target], capture_output=True)
                return done.stdout
            """,
        ),
        insecure=(
            """
            def read_$field($target):
                return os.popen("$tool " + $target).read()
            """,
            """
            def read_$field($target):
                done = subprocess.run(f"$tool {$target}", shell=True, capture_output=True)
                return done.stdout
            """,
        ),
    ),
    Recipe(
        task="${verb}s a $target over ssh with paramiko",
        imports="import shlex\nimport paramiko",
        docstrings=("Run systemctl.", "Tell the server to $verb this $target."),
        slots={"verb": ("start", "stop", "restart"), "target": ("service", "job", "timer")},
        secure=(
            """
            def $verb(client, $target):
                name = shlex.quote($target)
                client.exec_command("systemctl $verb " + name)
            """,
            """
            def $verb(client, $target):
                client.exec_command(f"systemctl $verb {shlex.quote($target)}")
            """,
        ),
        insecure=(
            """
            def $verb(client, $target):
                command = "systemctl $verb " + $target
                client.exec_command(command)
            """,
            """
            def $verb(client, $target):
                client.exec_command(f"systemctl $verb {$target}")
            """,
        ),
    ),
)
