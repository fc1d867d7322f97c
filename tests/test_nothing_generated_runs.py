"""What models write is text. These tests read every source file and allow no way to run text but those listed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import dormouse

SOURCES = Path(dormouse.__file__).parent

RUNS_TEXT = {"exec", "eval", "compile", "__import__"}
MODULES_THAT_RUN_TEXT = {"runpy", "code", "codeop", "imp", "pickle", "marshal", "shelve", "dill", "cloudpickle"}
IMPORTS_BY_NAME = {
    "__init__.py": "the package's own names",
    "config/registry.py": "parts, by the names in the registry and in entry points",
    "training/work.py": "stages, by the names in `store/kinds.py`",
    "execute/preload.py": "a fixed list of modules",
    "execute/preload_detectors.py": "a fixed list of modules",
    "execute/worker.py": "the modules that `execute/preload.py` lists",
}
"""Files that import a module by a name in a variable, and where the name comes from."""
STARTS_PROGRAMS = {
    "scanner/semgrep_engine.py": "semgrep, with fixed arguments; it parses files",
    "scanner/codeql_engine.py": "codeql, with fixed arguments; it parses files",
}
DOWNLOADS = {
    "machine/packages.py": "pip, which downloads a wheel and installs nothing",
}
STARTS_ITSELF = {
    "execute/ranks.py": "processes of this package, by accelerate launch, with fixed arguments",
    "runs/speed.py": "runs/benchmark.py, with fixed arguments, which times models with random weights",
}
STARTS_PROCESSES = {
    "execute/processes.py": "workers of this package, by multiprocessing",
    "execute/local.py": "waits for their messages",
    "execute/worker.py": "is such a worker",
}
COPIES_ITSELF = {
    "machine/limited.py": "a copy of this process, which looks at a model within limits",
}
PROGRAM_MODULES = {"subprocess", "pty", "pexpect"}
COPIES = {"fork", "forkpty"}
PROGRAM_CALLS = {"system", "popen", "startfile", "posix_spawn", "posix_spawnp"}


def _files() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(SOURCES.rglob("*.py")):
        yield path.relative_to(SOURCES).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def _imports(tree: ast.Module) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
    return found


def _files_that_import(modules: set[str]) -> set[str]:
    return {name for name, tree in _files() if _imports(tree) & modules}


def test_the_sources_are_found() -> None:
    assert len(list(_files())) > 100


def test_no_source_runs_text() -> None:
    for name, tree in _files():
        for node in ast.walk(tree):
            if isinstance(node, ast.Name):
                assert node.id not in RUNS_TEXT, f"{name}, line {node.lineno}"
            # `model.eval()` is torch's; `re.compile` is a pattern: only the builtins by their module are meant here.
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                assert not (node.value.id == "builtins" and node.attr in RUNS_TEXT), f"{name}, line {node.lineno}"


def test_no_source_uses_a_module_that_runs_text() -> None:
    assert _files_that_import(MODULES_THAT_RUN_TEXT | {"builtins"}) == set()


def test_modules_are_imported_by_name_only_where_listed() -> None:
    def by_name(tree: ast.Module) -> bool:
        return any(isinstance(node, ast.Attribute) and node.attr == "import_module" for node in ast.walk(tree))

    assert {name for name, tree in _files() if by_name(tree)} <= IMPORTS_BY_NAME.keys()


def test_importlib_lends_nothing_but_import_module_metadata_and_resources() -> None:
    for name, tree in _files():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("importlib"):
                assert node.module in ("importlib.metadata", "importlib.resources"), name
            elif isinstance(node, ast.Import):
                assert all(not alias.name.startswith("importlib.") for alias in node.names), name
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "importlib":
                assert node.attr == "import_module", name


def test_programs_are_started_only_where_listed() -> None:
    assert _files_that_import(PROGRAM_MODULES) == STARTS_PROGRAMS.keys() | STARTS_ITSELF.keys() | DOWNLOADS.keys()


def test_no_source_starts_a_program_through_os() -> None:
    for name, tree in _files():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os":
                started = node.attr in PROGRAM_CALLS or node.attr.startswith(("exec", "spawn"))
                assert not started, f"{name}, line {node.lineno}"
                assert node.attr not in COPIES or name in COPIES_ITSELF, f"{name}, line {node.lineno}"
            elif isinstance(node, ast.ImportFrom) and node.module == "os":
                assert not {alias.name for alias in node.names} & (PROGRAM_CALLS | COPIES), name


def test_processes_are_started_only_where_listed() -> None:
    assert _files_that_import({"multiprocessing", "concurrent"}) == STARTS_PROCESSES.keys()


def test_programs_get_lists_of_arguments_and_no_shell() -> None:
    for name, tree in _files():
        if name in STARTS_PROGRAMS | STARTS_ITSELF | DOWNLOADS:
            for node in ast.walk(tree):
                if isinstance(node, ast.Call):
                    assert all(keyword.arg != "shell" for keyword in node.keywords), f"{name}, line {node.lineno}"


def test_what_is_scanned_reaches_no_program_as_an_argument() -> None:
    # The text of a snippet is read in one place of these files: where it is written to a file.
    for name, tree in _files():
        if name in STARTS_PROGRAMS:
            uses = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == "text"]
            read = [use for use in uses if isinstance(use.value, ast.Name) and use.value.id == "source"]
            writes = [
                node.args[0]
                for node in ast.walk(tree)
                if isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "write_text"
            ]
            assert read == writes
