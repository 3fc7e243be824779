"""The Officeworks catalogue: a small, invented part of it that never changes."""

from __future__ import annotations

from multicart_async.sandbox._api.request import Call

# Paths and names, each after its parent. Technology has five categories in all, as in the documented response.
_TREE = {
    "technology": "Technology",
    "technology/computers": "Computers",
    "technology/computers/laptops": "Laptops",
    "technology/computers/mice": "Mice",
    "technology/printers": "Printers",
    "furniture": "Furniture",
    "furniture/desks": "Desks",
}
_PRODUCTS = (
    ("technology/computers/laptops", "HPLAP001", "Laptop 15.6 inch", "HP", "$899.00", 4.4),
    ("technology/computers/laptops", "DLLAT002", "Laptop 14 inch", "Dell", "$1249.00", 4.6),
    ("technology/computers/mice", "JBMS310BK", "Wireless Mouse, black", "J.Burrows", "$19.94", 4.1),
    ("technology/printers", "SBPRT004", "Laser Printer", "Nordvik", "$249.00", 4.0),
    ("furniture/desks", "SBDSK005", "Desk 120 cm", "Kestrel", "$159.00", 4.3),
)


def categories(call: Call) -> object:
    """Return the tree or a flat list of categories, below a path if one is given; no match is not a failure.

    The rows of a flat list are not documented: the sandbox omits ``children``.
    """
    path = call.fields.get("seo_path")
    found = [seo_path for seo_path in _TREE if path is None or f"{seo_path}/".startswith(f"{path}/")]
    if call.fields.get("flat"):
        return {"total": len(found), "categories": [_named(seo_path) for seo_path in found]}
    roots = [seo_path for seo_path in found if seo_path == path or (path is None and "/" not in seo_path)]
    return {"total": len(found), "categories": [_nested(seo_path) for seo_path in roots]}


def products(call: Call) -> object:
    """Return the products of a category without those of its subcategories.

    The response is not documented: the sandbox returns a total and all products.
    """
    names = ("sku", "title", "brand", "price", "rating")
    found = [dict(zip(names, row[1:], strict=True)) for row in _PRODUCTS if row[0] == call.fields["seo_path"]]
    return {"total": len(found), "products": found}


def _named(seo_path: str) -> dict[str, object]:
    return {"name": _TREE[seo_path], "seoPath": seo_path}


def _nested(seo_path: str) -> dict[str, object]:
    children = [_nested(child) for child in _TREE if child.rpartition("/")[0] == seo_path]
    return {**_named(seo_path), "children": children}
