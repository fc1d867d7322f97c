"""Run the tests of optional packages, each in an environment that has them. Arguments go to pytest."""

from __future__ import annotations

import subprocess
import sys

from environment import PYTEST, ROOT, make_environment

ENVIRONMENTS = (
    (
        ".venv-extras",
        ".[dev,ray,quantized,inspect]",
        "constraints/extras.txt",
        (
            "tests/cli/test_cli_schema.py",
            "tests/execute/test_ray.py",
            "tests/execute/test_three_ways.py::test_a_ray_cluster_of_two_nodes_gives_the_same_results",
            "tests/inspect_tasks",
            "tests/models/test_quantized.py",
        ),
    ),
    # Semgrep pins versions of its own, which inspect-ai does not take.
    (".venv-semgrep", ".[dev,semgrep]", "constraints/semgrep.txt", ("tests/scanner",)),
)
"""Folder, what is installed into it, the versions that differ, and the tests that need it."""

if __name__ == "__main__":
    failed = 0
    for folder, target, versions, tests in ENVIRONMENTS:
        python = make_environment(folder, target, versions)
        command = [str(python), *PYTEST, "-m", "not gpu", *sys.argv[1:], *tests]
        failed |= subprocess.run(command, cwd=ROOT).returncode
    sys.exit(failed)
