"""The sources of the site are complete: the reference has every public name, and the first page leads to every page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from support.documents import ROOT, links
from support.exports import EXPORTS, PUBLIC

DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.glob("*.md"), *DOCS.glob("reference/*.md"), *DOCS.glob("project/*.md")])
DIRECTIVE = re.compile(r"^\.\. (?P<kind>(?:auto|py:)\w+):: (?P<name>[\w.]+)(?P<options>(?:\n   :.*)*)$", re.MULTILINE)
MODULES = {"automodule", "py:module", "py:currentmodule"}


def described() -> Iterator[str]:
    """The full name of each module and object that a page of the reference describes."""
    for page in DOCS.glob("reference/*.md"):
        module = ""
        for found in DIRECTIVE.finditer(page.read_text("utf-8")):
            kind, name = found["kind"], found["name"]
            if kind in MODULES:
                module = name
                yield name
                if ":members:" in found["options"]:
                    yield from (f"{module}.{each}" for each in import_module(module).__all__)
            else:
                yield name if name.startswith("multicart_async.") else f"{module}.{name}"


DESCRIBED = set(described())


@pytest.mark.parametrize("module", PUBLIC)
def test_the_reference_has_every_public_name(module: str) -> None:
    """A name may be described under another module that exports it, as most names of the package itself are."""
    objects = {id(getattr(import_module(path), name)) for path, name in EXPORTS if f"{path}.{name}" in DESCRIBED}
    exported = [name for path, name in EXPORTS if path == module and f"{path}.{name}" not in DESCRIBED]

    assert [name for name in exported if id(getattr(import_module(module), name)) not in objects] == []


def test_the_reference_describes_only_what_is_public() -> None:
    """A name that is no longer exported leaves the reference, too."""
    assert sorted(DESCRIBED - set(PUBLIC) - {f"{module}.{name}" for module, name in EXPORTS}) == []


def test_the_first_page_leads_to_every_page() -> None:
    """It links each page of docs, and each file outside of docs that a page of the site includes."""
    linked = {(DOCS / link).resolve() for link in links((DOCS / "index.md").read_text("utf-8"))}

    lacking = []
    for page in PAGES:
        includes = re.findall(r"^```\{include\} (\S+)$", page.read_text("utf-8"), re.MULTILINE)
        wanted = {(page.parent / name).resolve() for name in includes} or {page}
        lacking += [path.name for path in wanted - linked if path.name not in {"index.md", "examples.md"}]
    assert lacking == []
    assert ROOT / "examples" in linked


def test_every_example_is_on_the_site() -> None:
    """The page of examples shows each program under its name."""
    text = (DOCS / "project" / "examples.md").read_text("utf-8")
    shown = re.findall(r"^## (\S+)\n\n```\{literalinclude\} \.\./\.\./examples/(\S+)$", text, re.MULTILINE)

    assert sorted(shown) == sorted((path.name, path.name) for path in Path(ROOT / "examples").glob("*.py"))
