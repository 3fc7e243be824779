"""What is public is a list, complete and described."""

from __future__ import annotations

import inspect
from importlib import import_module
from types import ModuleType

import pytest
from support.documents import documents, words
from support.exports import EXPORTS, PUBLIC, modules

import multicart_async

TOP = {
    "AsyncMultiCart",
    "UNSET",
    "Timeouts",
    "RetryPolicy",
    "Limits",
    "PollPolicy",
    "Failure",
    "Outcome",
    "Success",
    "DirectorySink",
    "ListableSink",
    "MemorySink",
    "ObjectStoreSink",
    "Sink",
    "MultiCartError",
    "errors",
    "models",
    "events",
    "__version__",
    "plan_shards",
}


DOCUMENTED = {
    word
    for name, text in documents().items()
    if name == "README.md" or (name.startswith("docs/") and not name.startswith("docs/reference/"))
    for word in words(text)
}


def test_the_walk_finds_the_modules() -> None:
    """The tests below run over all public modules and their exports, not over an empty list."""
    assert {"multicart_async", "multicart_async.errors", "multicart_async.resources.runs.runs"} <= set(PUBLIC)
    assert len(EXPORTS) > 100


def test_the_top_exports_what_is_documented() -> None:
    """The package exports exactly the names of the documented list, each once."""
    assert sorted(TOP) == sorted(multicart_async.__all__)


@pytest.mark.parametrize("module", PUBLIC)
def test_a_public_module_says_what_it_exports(module: str) -> None:
    """A module without an underscore in its path has a docstring, and an ``__all__`` that names nothing twice."""
    found = import_module(module)

    assert found.__doc__
    assert sorted(found.__all__) == sorted(set(found.__all__))


@pytest.mark.parametrize(("module", "name"), EXPORTS, ids=lambda part: part.removeprefix("multicart_async."))
def test_an_exported_name_is_documented(module: str, name: str) -> None:
    """README.md or a file of docs mentions each exported name in its code; what none mentions is private."""
    assert name in DOCUMENTED


@pytest.mark.parametrize(("module", "name"), EXPORTS, ids=lambda part: part.removeprefix("multicart_async."))
def test_an_exported_name_is_there_and_described(module: str, name: str) -> None:
    """Classes, functions and modules have a docstring of their own; other values are described beside them."""
    value = getattr(import_module(module), name)

    if isinstance(value, ModuleType) or inspect.isclass(value) or inspect.isfunction(value):
        assert value.__doc__


@pytest.mark.parametrize("module", modules())
def test_each_name_in_all_exists_in_its_module(module: str) -> None:
    """Each name in ``__all__`` exists in its module, also in private modules."""
    found = import_module(module)

    for name in getattr(found, "__all__", ()):
        assert hasattr(found, name)


def public_methods() -> list[tuple[type, str]]:
    """The methods of all exported classes."""
    classes = {getattr(import_module(module), name) for module, name in EXPORTS}
    found = []
    for kind in classes:
        if inspect.isclass(kind) and kind.__module__.startswith("multicart_async"):
            found += [(kind, name) for name, value in vars(kind).items() if name[0] != "_" and inspect.isroutine(value)]
    return sorted(found, key=lambda pair: (pair[0].__module__, pair[0].__name__, pair[1]))


@pytest.mark.parametrize(("kind", "name"), public_methods(), ids=lambda part: getattr(part, "__name__", part))
def test_a_public_method_is_described(kind: type, name: str) -> None:
    """Its first line says what you get."""
    assert inspect.getdoc(getattr(kind, name))


def test_errors_events_and_models_are_modules() -> None:
    """They are used as ``multicart_async.errors.NotFoundError``."""
    for name in ("errors", "events", "models"):
        assert import_module(f"multicart_async.{name}") is getattr(multicart_async, name)


def test_the_version_is_one() -> None:
    """Numbers with dots."""
    assert all(part[0].isdigit() for part in multicart_async.__version__.split("."))
