"""Names of the packages that are imported on first use: all of them, the right ones, and as Python does it."""

from __future__ import annotations

import ast
import copy
import inspect
import json
import pickle
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import multicart_async
import multicart_async.models
import multicart_async.sandbox

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = [multicart_async, multicart_async.models, multicart_async.sandbox]


def run(code: str, *, beside: Path | None = None) -> str:
    """What a new interpreter prints, with warnings as errors and modules of a folder before all others."""
    found = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=ROOT,
        env={"PYTHONPATH": f"{beside or ''}:{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (found.returncode, found.stderr) == (0, "")  # an error in a thread is no status
    return found.stdout.strip()


def for_type_checkers(package: ModuleType) -> dict[str, str]:
    """The name and the module of each import below ``if TYPE_CHECKING``; a module itself stands for itself."""
    homes = {}
    for block in ast.parse(inspect.getsource(package)).body:
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING":
            for line in block.body:
                assert isinstance(line, ast.ImportFrom)
                home = str(line.module).removeprefix(package.__name__).removeprefix(".")
                homes |= {alias.asname or alias.name: home or alias.name for alias in line.names}
    return homes


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_type_checkers_and_python_see_the_same_names(package: ModuleType) -> None:
    """The static imports, the table and ``__all__`` agree."""
    assert for_type_checkers(package) == package._MODULES
    assert set(package._MODULES) == set(package.__all__)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_each_name_is_that_of_its_module(package: ModuleType) -> None:
    """A name of the package is the same object as in its module, not a copy."""
    for name, home in package._MODULES.items():
        module = import_module(f"{package.__name__}.{home}")
        assert getattr(package, name) is (module if name == home else getattr(module, name))


def test_a_name_is_looked_for_once() -> None:
    """After its first use it is an ordinary attribute of the package."""
    code = (
        "import multicart_async as m\n"
        "assert 'Limits' not in vars(m) and 'errors' not in vars(m)\n"
        "first, module = m.Limits, m.errors\n"
        "assert vars(m)['Limits'] is first and vars(m)['errors'] is module\n"
    )
    assert run(code) == ""


def test_a_star_import_brings_all_that_is_listed() -> None:
    """``from multicart_async import *`` gives exactly ``__all__``."""
    code = (
        "before = {*globals()}\n"
        "from multicart_async import *\n"
        "names = {*globals()} - before - {'before'}\n"
        "import json, multicart_async; print(json.dumps([sorted(names), sorted(multicart_async.__all__)]))"
    )
    brought, listed = json.loads(run(code))
    assert brought == listed


def test_a_listing_has_all_names_and_loads_nothing() -> None:
    """``dir()`` lists all names, for completion in a shell, and imports none."""
    code = (
        "import sys, multicart_async as m\n"
        "assert {*m._MODULES} <= {*dir(m)}\n"
        "print(*(name for name in sys.modules if name.startswith('multicart_async.')))"
    )
    assert run(code) == "multicart_async._core multicart_async._core.lazy"


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
@pytest.mark.parametrize(
    "name",
    ["nothing", "Limit", "_private", "__wrapped__", "errors.APIError", "no folder", "\0", "", "\ud800", "x" * 999],
)
def test_an_unknown_name_is_an_attribute_error(package: ModuleType, name: str) -> None:
    """The error has the text and attributes of an ordinary one, so that Python can suggest a name."""
    assert not hasattr(package, name)
    with pytest.raises(AttributeError) as found:
        getattr(package, name)

    assert str(found.value) == f"module {package.__name__!r} has no attribute {name!r}"
    assert (found.value.name, found.value.obj) == (name, package)


def test_an_unknown_name_cannot_be_imported() -> None:
    """The error is the ImportError of any package."""
    with pytest.raises(ImportError, match="cannot import name 'nothing' from 'multicart_async'"):
        from multicart_async import nothing  # noqa: F401, PLC0415


@pytest.mark.parametrize("statement", ["import multicart_async", "import multicart_async.errors, multicart_async"])
def test_public_modules_are_attributes(statement: str) -> None:
    """After either import, ``multicart_async.config.Limits`` needs no import of its own."""
    modules = ["errors", "events", "models", "config", "sinks", "client", "sandbox"]
    code = "\n".join([statement, *(f"assert multicart_async.{name}.__all__" for name in modules)])

    assert run(code) == ""


def test_what_breaks_in_a_module_is_not_hidden(tmp_path: Path) -> None:
    """A missing library is an ImportError that names it, not a missing attribute."""
    (tmp_path / "aiohttp.py").write_text("raise ModuleNotFoundError(\"No module named 'multidict'\", name='multidict')")
    code = (
        "import multicart_async as m\n"
        "assert issubclass(m.errors.APIError, m.MultiCartError)\n"
        "try: m.AsyncMultiCart\n"
        "except ImportError as error: print(error)"
    )
    assert run(code, beside=tmp_path) == "No module named 'multidict'"


def test_a_module_that_lacks_another_says_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error of a module that imports a missing library names that library."""
    folder = tmp_path / "lazy_package"
    folder.mkdir()
    (folder / "__init__.py").write_text(
        "from multicart_async._core.lazy import lazy_names\n__getattr__, __dir__ = lazy_names(__name__, {'name': 'needy'})"
    )
    (folder / "needy.py").write_text("import not_installed_at_all\nname = 1")
    monkeypatch.syspath_prepend(tmp_path)
    package = import_module("lazy_package")
    try:
        with pytest.raises(ModuleNotFoundError, match="not_installed_at_all"):
            _ = package.name
        with pytest.raises(ModuleNotFoundError, match="not_installed_at_all"):
            _ = package.needy
    finally:
        del sys.modules["lazy_package"]


def test_a_class_survives_pickle_and_copy() -> None:
    """Pickle and copy find a class by its module, also in a process that has imported nothing."""
    limits = multicart_async.Limits(requests=3)

    assert pickle.loads(pickle.dumps(multicart_async.Limits)) is multicart_async.Limits
    assert copy.deepcopy(limits) == limits
    assert "requests=3" in run(f"import pickle; print(pickle.loads({pickle.dumps(limits)!r}))")


def test_inspection_sees_what_is_there() -> None:
    """``inspect.getmembers``, which documentation tools use, shows the names of the package."""
    members = dict(inspect.getmembers(multicart_async))

    assert {*multicart_async.__all__} <= {*members}
    assert inspect.getmodule(members["AsyncMultiCart"]) is import_module("multicart_async.client")


def test_threads_may_look_for_names_at_the_same_time() -> None:
    """Each thread gets every name, and all threads get the same objects."""
    code = """
import threading, multicart_async as m
names, found = sorted(m._MODULES), []
barrier = threading.Barrier(len(names))
def look(first):
    barrier.wait()
    found.append(tuple(sorted((name, id(getattr(m, name))) for name in names[first:] + names[:first])))
threads = [threading.Thread(target=look, args=(first,)) for first in range(len(names))]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(len(found) == len(names), len(set(found)))
"""
    assert run(code) == "True 1"
