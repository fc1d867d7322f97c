"""CWE-502: data in a format that can run code when it is read."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dormouse.scanner.checks.mark import Mark, harmless, weak
from dormouse.scanner.names import spellings
from dormouse.scanner.sites import CallSite
from dormouse.scanner.values import Value

_RUNS_CODE = spellings(
    "pickle.load", "pickle.loads", "pickle.Unpickler", "cPickle.load", "cPickle.loads", "_pickle.load", "_pickle.loads",
    "dill.load", "dill.loads", "dill.Unpickler", "cloudpickle.load", "cloudpickle.loads", "shelve.open",
    "shelve.DbfilenameShelf", "jsonpickle.decode", "jsonpickle.loads", "marshal.load", "marshal.loads", "joblib.load",
    "pandas.read_pickle", "pd.read_pickle", "yaml.unsafe_load", "yaml.unsafe_load_all", "yaml.full_load",
    "yaml.full_load_all", "yaml.UnsafeLoader", "torch.package.PackageImporter",
) | {"unsafe_load", "full_load", "read_pickle"}  # fmt: skip
_YAML = spellings("yaml.load", "yaml.load_all")
_SAFE_LOADERS = frozenset(("SafeLoader", "CSafeLoader", "BaseLoader", "CBaseLoader"))
_NUMPY = spellings("numpy.load", "np.load")


def on_call(site: CallSite) -> Iterator[Mark]:
    """Judge calls that read data."""
    if site.name in _RUNS_CODE:
        if _own_data(site):
            yield harmless("unsafe_deserialization", site.node)
        else:
            yield weak("format-runs-code", 502, site.node, f"{site.name}() can run code that is in the data")
    elif site.name in _YAML and not _is_safe_loader(site.argument(1, "Loader")):
        yield weak("yaml-loader", 502, site.node, "yaml.load() without a safe loader can make any object")
    elif site.name in _NUMPY and site.constant("allow_pickle") is True:
        yield weak("format-runs-code", 502, site.node, "numpy.load(allow_pickle=True) can run code that is in the file")
    elif site.name == "torch.load" and site.constant("weights_only") is False:
        yield weak(
            "format-runs-code", 502, site.node, "torch.load(weights_only=False) can run code that is in the file"
        )


def _is_safe_loader(loader: Value | None) -> bool:
    return loader is not None and loader.symbol.rpartition(".")[2] in _SAFE_LOADERS


def _own_data(site: CallSite) -> bool:
    # `pickle.loads(pickle.dumps(x))` is a copy.
    first = site.node.args[0] if site.node.args else None
    return isinstance(first, ast.Call) and isinstance(first.func, ast.Attribute) and first.func.attr == "dumps"
