"""The site is built without a warning, is whole, and fetches nothing from elsewhere."""

from __future__ import annotations

import html.parser
import inspect
import re
import subprocess
import sys
import zlib
from importlib import import_module
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from support.documents import ROOT
from support.exports import EXPORTS
from support.group_classes import GROUP_NAMES

DOCS = ROOT / "docs"
GROUPS = {f"multicart_async.resources.{name}" for name in GROUP_NAMES}
OUTSIDE = re.compile(r"(?:[a-z]+:)?//|[a-z]+:", re.IGNORECASE)
IMPORTED = re.compile(r"(?:@import\s*|url\()\s*[\"']?((?:https?:)?//[^\"')]+)")


class Page(html.parser.HTMLParser):
    """The ids of a page, where its links lead, and what a browser fetches to show it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note one element."""
        values = {name: value for name, value in attrs if value}
        self.ids |= {values["id"]} if "id" in values else set()
        found = [values[name] for name in ("src", "href", "srcset", "data") if name in values]
        (self.links if tag == "a" else self.fetched).extend(found)


def build(folder: Path) -> Path:
    """The site, built as ``make docs`` does it."""
    options = ["--quiet", "--fail-on-warning", "--keep-going", "--doctree-dir", str(folder / "doctrees")]
    command = [sys.executable, "-m", "sphinx", *options, str(DOCS), str(folder / "html")]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return folder / "html"


def inventory(site: Path) -> dict[str, str]:
    """What other projects can link: the kind of each name."""
    packed = (site / "objects.inv").read_bytes().split(b"\n", 4)[4]
    rows = [line.split(" ") for line in zlib.decompress(packed).decode().splitlines()]
    return {row[0]: row[1] for row in rows}


def methods_of_groups() -> set[str]:
    """The full name of each method of ``client.runs`` and the others."""
    return {
        f"{module}.{name}.{method}"
        for module, name in EXPORTS
        if module in GROUPS
        for method, _ in inspect.getmembers(getattr(import_module(module), name), inspect.isroutine)
        if not method.startswith("_")
    }


def lost_links(pages: dict[Path, Page]) -> list[tuple[str, str]]:
    """The links within the site that lead to no file, or to no place on its page."""
    lost = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or link == "#":
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target not in pages:
                lost += [] if target.is_file() else [(path.name, link)]
            elif parts.fragment and unquote(parts.fragment) not in pages[target].ids:
                lost.append((path.name, link))
    return lost


@pytest.mark.heavy
@pytest.mark.timeout(300)
def test_the_site_is_whole(tmp_path: Path) -> None:
    """It has every public name and every page, also as Markdown; no link is lost; nothing comes from another site."""
    site = build(tmp_path)
    pages = {path.resolve(): Page(path) for path in site.rglob("*.html")}
    sources = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md") if "_build" not in path.parts}
    names, methods = inventory(site), methods_of_groups()
    listed = re.findall(r"^- \[.+\]\((.+)\)$", (site / "llms.txt").read_text("utf-8"), re.MULTILINE)

    assert sorted({f"{module}.{name}" for module, name in EXPORTS} - set(names)) == []
    assert len(methods) > 50
    assert sorted(method for method in methods if names.get(method) != "py:method") == []
    assert len(pages) > len(sources)
    assert [target for page in pages.values() for target in page.fetched if OUTSIDE.match(target)] == []
    assert [found for path in site.rglob("*.css") for found in IMPORTED.findall(path.read_text("utf-8"))] == []
    assert lost_links(pages) == []
    assert listed[0] == "index.md"
    assert sorted(listed) == sorted(sources)
    assert [name for name in listed if not (site / name).read_text("utf-8").strip()] == []
