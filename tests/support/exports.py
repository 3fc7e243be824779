"""The public modules of the package, and what they export."""

from __future__ import annotations

import pkgutil
from importlib import import_module

import multicart_async


def modules() -> list[str]:
    """Return the names of all modules of the package, except for those that are run as programs."""
    found = [info.name for info in pkgutil.walk_packages(multicart_async.__path__, "multicart_async.")]
    return ["multicart_async", *(name for name in found if not name.endswith(".__main__"))]


PUBLIC = [name for name in modules() if "._" not in name]
EXPORTS = [(module, name) for module in PUBLIC for name in getattr(import_module(module), "__all__", ())]
