"""Lists the parts of a registry, those of other packages included, even where one cannot be imported."""

from __future__ import annotations

from dataclasses import dataclass

from dormouse.config.parts import Part
from dormouse.config.registry import Registry
from dormouse.errors import UserError


@dataclass(frozen=True)
class Listed:
    """One registered part."""

    name: str
    package: str
    """The package that it comes from."""
    cls: type[Part] | None
    """None where it cannot be used."""
    error: str = ""
    """Why it cannot be used."""


def list_parts(registry: Registry) -> list[Listed]:
    """List every part of a registry by name."""
    return [_load(registry, name) for name in registry.names()]


def find_classes(registry: Registry) -> dict[str, type[Part]]:
    """Map each name of a registry to its class; those that cannot be used are left out."""
    return {one.name: one.cls for one in list_parts(registry) if one.cls is not None}


def _load(registry: Registry, name: str) -> Listed:
    package = registry.package(name)
    try:
        cls = registry.get(name)
    except UserError as error:
        return Listed(name, package, None, str(error))
    except Exception as error:  # Whatever the module of another package raises must not hide the other parts.
        problem = f"{type(error).__name__}: {error}"
        advice = "Correct it, or uninstall the package."
        return Listed(name, package, None, f"The {registry.kind} '{name}' cannot be imported: {problem}. {advice}")
    if not (isinstance(cls, type) and issubclass(cls, Part)):
        problem = f"The {registry.kind} '{name}' of package '{package}' is not a class of parts."
        return Listed(name, package, None, f"{problem} Derive it from the class that dormouse has for its kind.")
    return Listed(name, package, cls)
