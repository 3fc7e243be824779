"""Import names of a package on first use (PEP 562)."""

from __future__ import annotations

import sys
from importlib import import_module

TYPE_CHECKING = False  # type checkers know the name; importing typing would take longer than everything else here
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["lazy_names"]


def lazy_names(package: str, modules: Mapping[str, str]) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` for a package that imports its names on first use.

    *modules* maps each name to the module of the package that defines it; the name of a module maps to itself. Other
    public modules of the package become attributes too, as they do after an import.
    """
    namespace = vars(sys.modules[package])

    def __getattr__(name: str) -> object:  # noqa: N807 - PEP 562
        namespace[name] = value = _resolve(package, modules, name)
        return value

    def __dir__() -> list[str]:  # noqa: N807 - PEP 562
        return sorted({*namespace, *modules})

    return __getattr__, __dir__


def _resolve(package: str, modules: Mapping[str, str], name: str) -> object:
    home = modules.get(name, name)
    if name in modules or (name.isidentifier() and not name.startswith("_")):
        try:
            module = import_module(f"{package}.{home}")
        except ModuleNotFoundError as error:
            if error.name != f"{package}.{home}":
                raise  # the module exists, but one that it imports is missing
        else:
            return module if home == name else getattr(module, name)
    raise AttributeError(f"module {package!r} has no attribute {name!r}", name=name, obj=sys.modules[package])
