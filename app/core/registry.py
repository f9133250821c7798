"""Plugins: every module of a plugin package offers exactly one, as `PLUGIN`, under the module's own name."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType
from typing import Any


class RegistryError(Exception):
    """A plugin package is not as it must be: a defect of the program, not of its use."""


def plugins(package: ModuleType) -> dict[str, Any]:
    """The plugin of each module of `package`, by name.

    Raises RegistryError when a module offers none, offers another module's, or calls it other than itself.
    """
    found: dict[str, Any] = {}
    for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda info: info.name):
        plugin = _plugin_of(importlib.import_module(f"{package.__name__}.{module.name}"))
        name = plugin.name
        if name in found:
            raise RegistryError(f"{package.__name__}: both {found[name].__module__} and {module.name} offer {name!r}")
        if name != module.name:
            raise RegistryError(f"{package.__name__}.{module.name}: its PLUGIN is named {name!r}, not {module.name!r}")
        found[name] = plugin
    return found


def _plugin_of(module: ModuleType) -> Any:
    plugin = getattr(module, "PLUGIN", None)
    if plugin is None:
        raise RegistryError(f"{module.__name__} has no PLUGIN")
    if not isinstance(getattr(plugin, "name", None), str):
        raise RegistryError(f"{module.__name__}: its PLUGIN {plugin!r} has no name")
    return plugin
