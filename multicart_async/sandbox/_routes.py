"""The table of routes: documented path, handler, documented parameters. Slashes at the end as documented."""

from __future__ import annotations

import re
from urllib.parse import unquote

from multicart_async.sandbox._account_routes import ACCOUNT_ROUTES
from multicart_async.sandbox._collection_routes import COLLECTION_ROUTES
from multicart_async.sandbox._item_routes import ITEM_ROUTES
from multicart_async.sandbox._route import Route

ROUTES = (*COLLECTION_ROUTES, *ITEM_ROUTES, *ACCOUNT_ROUTES)

_FIXED = {route.path: route for route in ROUTES if "{" not in route.path}
_OPEN = tuple(
    (re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(route.path)), re.DOTALL), route)
    for route in ROUTES
    if "{" in route.path
)

_ID = re.compile("[0-9]{1,18}")


def find(raw_path: str) -> tuple[Route, dict[str, object]] | None:
    """The route of a path as it was on the wire, with the fields in it; a slash too many or too few finds nothing."""
    path = unquote(raw_path)  # once, and before the slashes are looked at, as WSGI does
    if path in _FIXED:
        return _FIXED[path], {}
    for pattern, route in _OPEN:
        matched = pattern.fullmatch(path)
        if matched:
            integers = {param.name for param in route.params if param.kind == "integer"}
            texts = matched.groupdict()
            if all(_ID.fullmatch(texts[name]) for name in integers):
                return route, {name: int(text) if name in integers else text for name, text in texts.items()}
    return None
