"""Let what the documents link and show in a repository browser work on the site too.

A link to a file outside of docs leads to the page that includes it, or to the file itself; a folder or README.md is the
first page. The lists of links on the first page are the navigation. A picture for light and dark is two images, because
the reader can choose on the site.
"""

import os
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.addnodes import download_reference, pending_xref, toctree
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.transforms import SphinxTransform

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = DOCS / "project"
START = "index"
INCLUDED = re.compile(r"^```\{(include|literalinclude)\} (\S+)$", re.MULTILINE)
PICTURE = re.compile(
    r'<picture>\s*<source media="\(prefers-color-scheme: dark\)" srcset="(?P<dark>[^"]+)">\s*'
    r'<img alt="(?P<alt>[^"]+)" src="(?P<light>[^"]+)">\s*</picture>\s*\Z'
)


def included() -> dict[Path, tuple[str, str | None]]:
    """Where each file outside of docs stands on the site: the page, and the heading if the page has several files."""
    found: dict[Path, tuple[str, str | None]] = {}
    for page in sorted(PAGES.glob("*.md")):
        for kind, name in INCLUDED.findall(page.read_text("utf-8")):
            path = Path(os.path.normpath(PAGES / name))
            anchor = re.sub(r"[^\w\- ]", "", path.name) if kind == "literalinclude" else None
            found[path] = f"project/{page.stem}", anchor
    return found


def base_folder(docname: str) -> Path:
    """Return the folder from which the links of a page start: that of the file that the page includes, if it does."""
    for path, (page, anchor) in included().items():
        if page == docname and anchor is None:
            return path.parent
    return (DOCS / docname).parent


class RepositoryLinks(SphinxTransform):
    """Resolves links to files and folders of the project."""

    default_priority = 400

    def apply(self) -> None:
        """Replace each link that leads out of docs."""
        for node in [*self.document.findall(pending_xref), *self.document.findall(download_reference)]:
            if node.get("reftype") == "myst":
                self._resolve(node)

    def _resolve(self, node: nodes.Element) -> None:
        target, _, anchor = node["reftarget"].partition("#")
        if node.get("refdomain") == "doc":  # a file that the parser has found, relative to docs, without its suffix
            path, anchor = Path(os.path.normpath(DOCS / f"{target}.md")), node.get("reftargetid")
        else:
            path = Path(os.path.normpath(base_folder(self.env.docname) / target))
        if not target or not path.exists():
            return
        page = self._page(path, anchor or None)
        if page is not None:
            docname, anchor = page
            options = {"refdoc": self.env.docname, "refexplicit": True, "reftargetid": anchor}
            link = pending_xref(refdomain="doc", reftarget=docname, reftype="myst", **options)
            link += node.children
            node.replace_self(link)
        elif path.is_file():
            node["reftarget"] = os.path.relpath(path, (DOCS / self.env.docname).parent)

    @staticmethod
    def _page(path: Path, anchor: str | None) -> tuple[str, str | None] | None:
        pages = included()
        if path in pages:
            page, heading = pages[path]
            return page, heading or anchor
        if path == ROOT / "README.md":
            same = anchor is not None and (DOCS / f"{anchor}.md").is_file()
            return (anchor if same and anchor else START), None
        if path == ROOT / "examples":
            return "project/examples", None
        if path in {ROOT, DOCS}:
            return START, None
        if path.is_relative_to(DOCS) and path.suffix == ".md":
            return path.relative_to(DOCS).with_suffix("").as_posix(), anchor
        return None


class Navigation(SphinxTransform):
    """Makes the navigation from the lists of links on the first page, each under its heading."""

    default_priority = 410  # after the links

    def apply(self) -> None:
        """Add a hidden table of contents to each section that has a list."""
        if self.env.docname != START:
            return
        for section in self.document.findall(nodes.section):
            lists = [child for child in section.children if isinstance(child, nodes.bullet_list)]
            links = [link for each in lists for item in each.children for link in first_link(item)]
            if links:
                section.append(self._hidden(section[0].astext(), links))

    @staticmethod
    def _hidden(caption: str, links: list[pending_xref]) -> toctree:
        entries = [(link.astext(), link["reftarget"]) for link in links]
        pages = [page for _, page in entries]
        node = toctree(entries=entries, includefiles=pages, parent=START, caption=caption, rawcaption=caption)
        node.attributes |= {"maxdepth": 1, "hidden": True, "titlesonly": True, "glob": False, "numbered": 0}
        node.attributes |= {"includehidden": False, "rawentries": []}
        return node


def first_link(item: nodes.Node) -> list[pending_xref]:
    """Return the page that an item of a list is about."""
    return list(item.findall(pending_xref))[:1]


class Pictures(SphinxTransform):
    """Makes two images of a picture: one is shown in light, the other in dark."""

    default_priority = 400

    def apply(self) -> None:
        """Replace each picture."""
        for node in list(self.document.findall(nodes.raw)):
            found = PICTURE.match(node.astext())
            if found is not None:
                images = [
                    nodes.image(uri=found[mode], alt=found["alt"], classes=[f"only-{mode}"])
                    for mode in ("light", "dark")
                ]
                node.replace_self(images)


def renew_navigation(
    _: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]
) -> list[str]:
    """Read all pages again when the first one has changed: each shows the navigation."""
    del added, removed
    return sorted(env.found_docs) if START in changed else []


def drop_copy_button(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object) -> None:
    """Leave out the button that sphinx-llm-friendly adds to each page by a script: it breaks the first heading."""
    del app, page, template, doctree
    scripts = context["script_files"]
    context["script_files"] = [
        each for each in scripts if "copy-as-markdown" not in str(getattr(each, "attributes", ""))
    ]


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the transforms."""
    app.add_transform(RepositoryLinks)
    app.add_transform(Navigation)
    app.add_transform(Pictures)
    app.connect("env-get-outdated", renew_navigation)
    app.connect("html-page-context", drop_copy_button, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
