"""Annotations of the package that can be evaluated, so that the reference shows types instead of private names."""

import ast
import contextlib
import sys
from collections import ChainMap
from pathlib import Path
from typing import get_type_hints

import attrs
from public_names import public_names
from sphinx.application import Sphinx


def import_names_of_annotations() -> None:
    """Import what the package imports for type checkers only, so that annotations can be evaluated."""
    done: set[str] = set()
    while left := sorted(name for name in sys.modules if name.startswith("multicart_async") and name not in done):
        for name in left:
            done.add(name)
            for node in ast.parse(Path(str(sys.modules[name].__file__)).read_text("utf-8")).body:
                if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
                    for part in node.body:
                        with contextlib.suppress(ImportError):  # a package of an extra that is not installed
                            exec(ast.unparse(part), vars(sys.modules[name]))  # noqa: S102 -- imports of this package


def evaluate_aliases() -> None:
    """Replace each alias that is a string by what it stands for, also where it was imported."""
    modules = [vars(module) for name, module in sorted(sys.modules.items()) if name.startswith("multicart_async")]
    for names in modules:
        for name, kind in names.get("__annotations__", {}).items():
            text = names[name] if kind == "TypeAlias" else None
            if isinstance(text, str):
                with contextlib.suppress(TypeError):  # attrs.Attribute takes a parameter for type checkers only
                    value = eval(text, names)  # noqa: S307 -- a type of this package
                    for others in modules:
                        if others.get(name) is text:
                            others[name] = value


def evaluate_models() -> None:
    """Give models annotations without the markers of strict fields, which are for the codec."""
    for _, value in public_names():
        if isinstance(value, type) and attrs.has(value):
            own = dict(ChainMap(*(vars(sys.modules[base.__module__]) for base in value.__mro__)))
            for holder, names in ((value, None), (value.__init__, own)):  # the constructor was made elsewhere, by attrs
                hints = get_type_hints(holder, names)
                holder.__annotations__ = {name: hints[name] for name in holder.__annotations__}


def evaluate(_: Sphinx) -> None:
    """Do all of it, after every public module was imported."""
    dict(public_names())
    import_names_of_annotations()
    evaluate_aliases()
    evaluate_models()


def setup(app: Sphinx) -> dict[str, bool]:
    """Do it once, at the start."""
    app.connect("builder-inited", evaluate)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
