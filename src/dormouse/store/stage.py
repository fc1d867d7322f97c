"""`Stage`: one node of a plan, and the key that its settings and its inputs give it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from dormouse.store.kinds import KINDS

ENCODE = json.JSONEncoder(sort_keys=True).encode


class Shared(dict[str, Any]):
    """A part of specs that many stages hold, as JSON data with its text. It must not be changed."""

    @cached_property
    def text(self) -> str:
        """The JSON, keys sorted, written once."""
        return ENCODE(self)


@lru_cache(maxsize=4096)
def _quoted(text: str) -> str:
    """Return a text as JSON, remembered: stages have the same names and few texts."""
    return ENCODE(text)


def _text(value: Any) -> str:
    """Return a value as JSON; the encoder takes ten times as long for what is no container."""
    if isinstance(value, Shared):
        return value.text
    if isinstance(value, str):
        return _quoted(value)
    return repr(value) if type(value) is int else ENCODE(value)


@dataclass(frozen=True)
class Stage:
    """One node of a plan. Two stages with equal `key` are the same work."""

    kind: str
    """A name in `kinds.KINDS`."""
    spec: dict[str, Any]
    """JSON: everything but the inputs that decides the result."""
    inputs: dict[str, Stage] = field(default_factory=dict)
    """Role in this stage ("model", "preference", ...) -> the stage that makes it."""
    labels: dict[str, Any] = field(default_factory=dict)
    """Columns of `results.csv` that say which cell this is (size, seed, role, safety, dose, ...). Not in the key."""

    @cached_property
    def key(self) -> str:
        """The hash of everything that feeds the result: 64 hexadecimal digits."""
        # The text of {"inputs": .., "kind": .., "spec": .., "version": ..}, without writing again what is shared.
        inputs = ", ".join([f'{_quoted(name)}: "{stage.key}"' for name, stage in sorted(self.inputs.items())])
        spec = ", ".join([f"{_quoted(name)}: {_text(value)}" for name, value in sorted(self.spec.items())])
        kind, version = _quoted(self.kind), KINDS[self.kind].version
        content = f'{{"inputs": {{{inputs}}}, "kind": {kind}, "spec": {{{spec}}}, "version": {version}}}'
        return hashlib.sha256(content.encode()).hexdigest()

    @property
    def name(self) -> str:
        """The artifact's folder name: kind and the first twelve digits of the key."""
        return f"{self.kind}-{self.key[:12]}"
