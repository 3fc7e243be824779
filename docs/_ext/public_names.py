"""Names of the package in the reference: links from docstrings, all public names of an object, short signatures."""

import builtins
import pkgutil
import re
from collections.abc import Iterator
from importlib import import_module

import attrs
from docutils import nodes
from sphinx.addnodes import pending_xref, pending_xref_condition
from sphinx.application import Sphinx
from sphinx.domains.python import ObjectEntry
from sphinx.environment import BuildEnvironment
from sphinx.ext.napoleon.docstring import GoogleDocstring
from sphinx.roles import XRefRole

import multicart_async

LINKED = re.compile(r"[A-Za-z_][\w.]*(?:\(\))?")
MADE_BY_THE_LIBRARY = tuple(f"multicart_async.{part}." for part in ("resources", "models", "events", "errors"))
GIVEN_BY_CALLERS = {"AsinRow", "SkuRow", "CategoryRequest", "EveryMinutes", "StartedRun", "Shard", "Undocumented"}


def public_names() -> Iterator[tuple[str, object]]:
    """Each name that a public module exports, with its module, and the object."""
    found = [info.name for info in pkgutil.walk_packages(multicart_async.__path__, "multicart_async.")]
    for module in ["multicart_async", *(name for name in found if "._" not in name)]:
        imported = import_module(module)
        for name in imported.__all__:
            yield f"{module}.{name}", getattr(imported, name)


def add_other_names(_: Sphinx, env: BuildEnvironment) -> None:
    """Let an object that is described under one of its public names be found under the others too."""
    objects = env.domains["py"].objects
    described = {id(value): objects[name] for name, value in public_names() if name in objects}
    for name, value in public_names():
        if name not in objects and id(value) in described:
            entry = described[id(value)]
            objects[name] = ObjectEntry(entry.docname, entry.node_id, entry.objtype, aliased=True)


def resolve(app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.Element) -> nodes.Element | None:
    """Link a name in single backquotes if it means one object of the reference; else it is code."""
    if node["reftype"] != "name":
        return None
    target = node["reftarget"].removesuffix("()")
    if not LINKED.fullmatch(target):
        return content
    domain = env.domains["py"]
    found = domain.find_obj(env, node.get("py:module"), node.get("py:class"), target, None, searchmode=1)
    places = {(entry.docname, entry.node_id): entry for _, entry in found}
    if len(places) != 1:
        return content
    ((docname, node_id),) = places
    uri = app.builder.get_relative_uri(node["refdoc"], docname)
    return nodes.reference("", "", content, internal=True, refuri=f"{uri}#{node_id}")


class NameRole(XRefRole):
    """A name in single backquotes, as the docstrings have it."""

    def process_link(
        self,
        env: BuildEnvironment,
        refnode: nodes.Element,
        has_explicit_title: bool,  # noqa: FBT001 -- called by Sphinx
        title: str,
        target: str,
    ) -> tuple[str, str]:
        """Keep the module and the class of the docstring: names are looked up there first."""
        del has_explicit_title
        refnode.attributes.update({key: env.ref_context.get(key) for key in ("py:module", "py:class")})
        return title, target


def shorten_signature(
    _: Sphinx, what: str, name: str, obj: object, options: object, signature: str | None, returned: str | None
) -> tuple[str | None, str | None]:
    """Leave out the signature of a class that only the library makes: its attributes are what can be read."""
    del options
    if what not in {"class", "exception"} or not signature:
        return signature, returned
    if name.startswith(MADE_BY_THE_LIBRARY) and name.rpartition(".")[2] not in GIVEN_BY_CALLERS:
        return "", returned
    defaults = (
        {field.name: field.default for field in attrs.fields(obj)} if isinstance(obj, type) and attrs.has(obj) else {}
    )
    shown = re.sub(r"attr_dict\['(\w+)'\]\.default", lambda found: repr(defaults[found[1]]), signature)
    return shown.replace("NOTHING", "..."), returned


def mend_builtins(_: Sphinx, document: nodes.document) -> None:
    """Leave types of Python without a link: Sphinx would take `bytes` for an attribute of that name. `object` is no base."""
    for node in list(document.findall(pending_xref)):
        if node.get("refdomain") == "py" and hasattr(builtins, node["reftarget"]):
            short = next(node.findall(pending_xref_condition), node)  # the first one is what a link would show
            node.replace_self(short.children)
    for node in list(document.findall(nodes.paragraph)):
        if node.astext() == "Bases: object":
            node.parent.remove(node)


def hide_private_bases(_: Sphinx, name: str, obj: object, options: object, bases: list[type]) -> None:
    """Name only base classes that a program can import."""
    del name, obj, options
    bases[:] = [base for base in bases if "._" not in base.__module__ or base.__name__ == "Model"] or [object]


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect everything."""
    app.add_role("name", NameRole())
    # napoleon takes what is before a colon in the first sentence of an attribute for its type; here it never is
    setattr(GoogleDocstring, "_parse_attribute_docstring", GoogleDocstring._consume_to_end)  # noqa: B010, SLF001
    app.connect("doctree-read", mend_builtins)
    app.connect("env-updated", add_other_names)
    app.connect("missing-reference", resolve)
    app.connect("autodoc-process-signature", shorten_signature)
    app.connect("autodoc-process-bases", hide_private_bases)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
