"""The tree: packages in layers, each of which imports only those below it."""

import ast
from collections import defaultdict
from pathlib import Path

import dormouse

SOURCES = Path(dormouse.__file__).parent

LAYERS = (
    "errors",
    "config",
    "machine",
    "results",
    "store",
    "chat",
    "data",
    "scanner",
    "models",
    "training",
    "organisms",
    "bases",
    "red_team",
    "safety",
    "evaluation",
    "detection",
    "removal",
    "execute",
    "plan",
    "runs",
    "zoo",
    "sharing",
    "report",
    "cli",
    "inspect_tasks",
)
"""From the lowest to the highest. README.md says what is in each."""
AT_THE_ROOT = {"__init__.py", "__main__.py", "errors.py"}


def modules():
    for path in sorted(SOURCES.rglob("*.py")):
        yield path.relative_to(SOURCES), ast.parse(path.read_text("utf-8"))


def imports(tree):
    """Yield the package of dormouse that each import names, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "dormouse":
            parts = node.module.split(".")
            names = [parts[1]] if len(parts) > 1 else [alias.name for alias in node.names]
            yield from ((name, node.lineno) for name in names)
        elif isinstance(node, ast.Import):
            yield from (
                (alias.name.split(".")[1], node.lineno) for alias in node.names if alias.name.startswith("dormouse.")
            )


def without_type_checking(tree):
    """Return the module without what is imported for annotations alone: two classes may speak of each other."""
    at_run_time = [node for node in tree.body if not ast.unparse(node).startswith("if TYPE_CHECKING:")]
    return ast.Module(at_run_time, [])


def test_at_most_three_files_are_at_the_root():
    assert {path.name for path in SOURCES.glob("*.py")} == AT_THE_ROOT


def test_every_package_has_its_layer():
    packages = {path.name for path in SOURCES.iterdir() if path.is_dir() and (path / "__init__.py").is_file()}
    assert packages | {"errors"} == set(LAYERS)


def test_no_import_goes_up():
    upward = [
        f"{path}, line {line}: {name}"
        for path, tree in modules()
        if len(path.parts) > 1
        for name, line in imports(tree)
        if name in LAYERS and LAYERS.index(name) > LAYERS.index(path.parts[0])
    ]
    assert not upward, "\n".join(upward)


def test_no_modules_import_each_other_in_a_circle():
    names = {".".join(("dormouse", *path.with_suffix("").parts)).removesuffix(".__init__") for path, _ in modules()}
    needs = defaultdict(set)
    for path, tree in modules():
        own = ".".join(("dormouse", *path.with_suffix("").parts)).removesuffix(".__init__")
        for node in ast.walk(without_type_checking(tree)):
            if isinstance(node, ast.ImportFrom) and node.module in names:
                submodules = {f"{node.module}.{alias.name}" for alias in node.names} & names
                needs[own] |= submodules or {node.module}
    state = {}

    def visit(name, way):
        if state.get(name) == "done":
            return
        assert name not in way, " -> ".join((*way[way.index(name) :], name))
        for other in sorted(needs[name]):
            visit(other, (*way, name))
        state[name] = "done"

    for name in sorted(names):
        visit(name, ())


def test_an_import_inside_a_function_says_why():
    silent = []
    for path, tree in modules():
        lines = (SOURCES / path).read_text("utf-8").splitlines()
        for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)):
            inside = {node.lineno for node in ast.walk(function) if isinstance(node, ast.Import | ast.ImportFrom)}
            for line in inside:
                # A comment above the first import of a block is for all of them.
                first = line
                while first - 1 in inside:
                    first -= 1
                if "# " not in lines[line - 1] and not lines[first - 2].lstrip().startswith("#"):
                    silent.append(f"{path}, line {line}: {lines[line - 1].strip()}")
    assert not silent, "\n".join(silent)
