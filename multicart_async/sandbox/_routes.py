"""The table of routes: documented path, handler, documented parameters. Slashes at the end as documented."""

from __future__ import annotations

import re
from urllib.parse import unquote

import attrs

from multicart_async.sandbox._call import Handler
from multicart_async.sandbox._handlers import account, asins, categories, collections, outputs, runs
from multicart_async.sandbox._params import Param, identifies, may, needs

_SCHEDULES = ("Every X Minutes", "Daily", "Weekly", "Monthly", "Manual")
_PRIORITIES = ("Highest", "High", "Normal", "Low", "Lowest")
_MODES = ("full", "availability_only")
_OUTPUTS = ("JSON", "HTML")
_WINDOW = (may("skip", "integer"), may("limit", "integer"))


@attrs.frozen
class Route:
    """One endpoint."""

    path: str
    handler: Handler
    params: tuple[Param, ...]
    method: str = attrs.field(default="POST", kw_only=True)
    form: bool = attrs.field(default=False, kw_only=True)


ROUTES = (
    Route(
        "/schedules/add_schedule/",
        collections.create,
        (
            needs("name", "string"),
            needs("request_type", "string", choices=("amazon", "officeworks.com.au")),
            needs("schedule", "string", choices=_SCHEDULES),
            needs("priority", "string", choices=_PRIORITIES),
            needs("notification_email", "string"),
            may("fetch_mode", "string", choices=_MODES),
            may("schedule_time", "object"),
            may("destinations", "string"),
        ),
    ),
    Route(
        "/schedules/get_schedules/",
        collections.list_all,
        (may("sort_by", "string"), may("sort_order", "string", choices=("asc", "desc"))),
    ),
    Route("/schedules/get/", collections.get, (identifies("schedule_id"),)),
    Route(
        "/schedules/update_schedule/",
        collections.update,
        (
            identifies("schedule_id"),
            may("name", "string"),
            may("schedule", "string", choices=_SCHEDULES),
            may("priority", "string", choices=_PRIORITIES),
            may("notification_email", "string"),
            may("fetch_mode", "string", choices=_MODES),
            may("schedule_time", "object"),
        ),
    ),
    Route("/schedules/delete_schedule/", collections.delete, (identifies("schedule_id"),)),
    Route("/schedules/delete_multiple/", collections.delete_multiple, (needs("schedule_ids", "integers"),)),
    Route("/schedules/run/result/", runs.start, (needs("collection_id", "integer"),)),
    Route(
        "/schedules/collections/results/download/",
        runs.results,
        (needs("collection_id", "integer"), *_WINDOW),
    ),
    Route(
        "/results/{collection_id}/{runner_id}/{file_name}",
        runs.download,
        (needs("collection_id", "integer"), needs("runner_id", "integer"), needs("file_name", "string")),
        method="GET",
    ),
    Route(
        "/schedules/amazon/asin/create/",
        asins.create,
        (
            needs("collection", "integer"),
            needs("domain", "integer"),
            needs("customer_postcode", "integer"),
            needs("asin", "string"),
            may("custom_id", "string"),
            may("include_raw_html", "boolean"),
            may("output", "string", choices=_OUTPUTS),
        ),
    ),
    Route(
        "/schedules/amazon/asin/create/multiple/",
        asins.create_multiple,
        (
            needs("collection", "integer"),
            needs("domain", "string"),
            needs("customer_postcode", "string"),
            needs("asins", "string"),
            may("including_raw_html", "boolean"),
        ),
    ),
    Route(
        "/schedules/amazon/asin/create/bulk/",
        asins.create_bulk,
        (needs("collection_id", "integer"), needs("csv", "file")),
        form=True,
    ),
    Route(
        "/schedules/amazon/asin/list/",
        asins.list_page,
        (needs("collection_id", "integer"), *_WINDOW, may("with_count", "any")),
    ),
    Route("/schedules/amazon/asin/get/", asins.get, (identifies("id"), may("collection", "integer"))),
    Route(
        "/schedules/amazon/asin/update/",
        asins.update,
        (
            needs("asin_id", "integer"),
            may("asin", "string"),
            may("include_raw_html", "boolean"),
            may("output", "string", choices=_OUTPUTS),
            may("custom_id", "string"),
        ),
    ),
    Route("/schedules/amazon/asin/delete/", asins.delete, (needs("asin_id", "integer"),)),
    Route(
        "/schedules/amazon/asin/output/list/",
        outputs.list_page,
        (needs("collection_id", "integer"), *_WINDOW),
    ),
    Route("/schedules/amazon/asin/output/", outputs.get, (needs("asin_id", "integer"),)),
    Route(
        "/schedules/amazon/category/add_schedule/",
        categories.submit,
        (
            needs("category_url", "string"),
            needs("amazon_node_id", "string"),
            needs("domain", "string"),
            needs("postcode", "string"),
            may("name", "string"),
            may("filter_prime_ships_from_au", "boolean"),
            may("filter_delivery_day", "string", choices=("tomorrow", "within_2_days"), nullable=True),
            may("price_min_cents", "integer"),
            may("price_max_cents", "integer"),
            may("notification_email", "string"),
            may("priority", "string", choices=_PRIORITIES),
        ),
    ),
    Route("/users/credits/", account.credits_now, ()),
    Route("/schedules/amazon/category/result/", categories.result, (needs("collection_id", "integer"),)),
    Route("/schedules/amazon/category/cancel/", categories.cancel, (needs("collection_id", "integer"),)),
)

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
