"""Check a category scrape before it is submitted."""

from __future__ import annotations

import re
import warnings
from urllib.parse import parse_qs, urlsplit

from multicart_async._core.short_repr import short_repr
from multicart_async._core.unset import UNSET, Unset
from multicart_async._core.validation import (
    check_bool,
    check_choice,
    check_int,
    check_postcode,
    check_str,
    wrong_argument,
)
from multicart_async.errors import ArgumentError, MultiCartWarning
from multicart_async.models import CategoryRequest, DeliveryDay, Priority

__all__ = ["check_request"]

FILTERED_DOMAIN = "amazon.com.au"  # elsewhere the service ignores filters silently
_NODE = re.compile(r"(?:\A|,)n:(\d+)")
_NODE_PATH = re.compile(r"/(?:node/|b/[^?]*?)(\d{4,})(?:[/?]|\Z)")


def check_request(request: CategoryRequest) -> str:
    """Check all fields of a request and return its browse node.

    Raises:
        ArgumentError: A field is invalid.
    """
    _check_filters(request)
    for argument in ("name", "notification_email"):
        check_str(argument, getattr(request, argument))
    check_choice("priority", request.priority, Priority)
    return _check_place(request.category_url, request.domain, request.postcode, request.amazon_node_id)


def _check_place(category_url: str, domain: str, postcode: str, amazon_node_id: str | Unset) -> str:
    check_str("category_url", category_url, required=True)
    try:
        scheme = urlsplit(category_url).scheme
    except ValueError:  # an incomplete IPv6 address
        scheme = ""
    if scheme not in {"http", "https"}:
        raise wrong_argument("category_url", "an absolute http or https URL", category_url)
    check_str("domain", domain, required=True)
    check_postcode("postcode", postcode)
    check_str("amazon_node_id", amazon_node_id)
    return _node_of(category_url) if amazon_node_id is UNSET else amazon_node_id


def _node_of(category_url: str) -> str:
    """Return the browse node in the URL: ``rh=n:4851693051``, ``node=…``, ``/b/…``."""
    parts = urlsplit(category_url)
    query = parse_qs(parts.query)
    nodes = [found for value in query.get("rh", ()) for found in _NODE.findall(value)]  # the last one is the narrowest
    nodes = nodes[-1:] or query.get("node", []) or _NODE_PATH.findall(parts.path)
    if len(nodes) != 1 or not (nodes[0].isascii() and nodes[0].isdigit()):
        reason = "expected the id of a browse node, got none, and category_url does not contain exactly one; pass it"
        raise ArgumentError("amazon_node_id", reason)
    return nodes[0]


def _check_filters(request: CategoryRequest) -> None:
    prime, day = request.filter_prime_ships_from_au, request.filter_delivery_day
    check_bool("filter_prime_ships_from_au", prime)
    if day is not None:
        check_choice("filter_delivery_day", day, DeliveryDay)
    minimum, maximum = request.price_min_cents, request.price_max_cents
    for argument, value in (("price_min_cents", minimum), ("price_max_cents", maximum)):
        if value is not UNSET:
            check_int(argument, value)
    if minimum is not UNSET and maximum is not UNSET and minimum > maximum:
        raise wrong_argument("price_max_cents", f"price_min_cents ({short_repr(minimum)}) or more", maximum)
    filtered = prime is True or (day is not UNSET and day is not None)
    if filtered and request.domain != FILTERED_DOMAIN:
        warnings.warn(
            f"the service ignores filter_prime_ships_from_au and filter_delivery_day on {request.domain}; they work on "
            f"{FILTERED_DOMAIN} only",
            MultiCartWarning,
            stacklevel=5,
        )
