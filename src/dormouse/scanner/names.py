"""Resolves names through imports: `pk.loads` after `import pickle as pk` is `pickle.loads`."""

from __future__ import annotations

import ast


class Names:
    """The imports of a snippet, anywhere in it."""

    def __init__(self, tree: ast.Module) -> None:
        self._imported: dict[str, str] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.asname:
                        self._imported[alias.asname] = alias.name
            elif isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    self._imported[alias.asname or alias.name] = f"{node.module or ''}.{alias.name}"

    def dotted(self, node: ast.expr) -> str:
        """Return the full dotted name of a name or an attribute; anything but a name before the dots reads as `?`."""
        attributes: list[str] = []
        while isinstance(node, ast.Attribute):
            attributes.append(node.attr)
            node = node.value
        root = self._imported.get(node.id, node.id) if isinstance(node, ast.Name) else "?"
        return ".".join([root, *reversed(attributes)])


def tail(name: str) -> str:
    """Return the part after the last dot."""
    return name.rpartition(".")[2]


def spellings(*names: str) -> frozenset[str]:
    """Return full dotted names and their endings of two words or more.

    A snippet often comes without its imports: `AES.new` then means `Crypto.Cipher.AES.new`. A last word alone, such as
    `load` or `open`, would match too much.
    """
    endings = set(names)
    for name in names:
        words = name.split(".")
        endings.update(".".join(words[start:]) for start in range(len(words) - 1))
    return frozenset(endings)
