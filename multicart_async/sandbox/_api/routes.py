"""The table of routes: documented path, handler, documented parameters. Slashes at the end as documented."""

from __future__ import annotations

import re
from urllib.parse import unquote

from multicart_async.sandbox._api import (
    account,
    asins,
    billing,
    catalogue,
    categories,
    collections,
    outputs,
    registration,
    runs,
    settings,
    skus,
    zipcodes,
)
from multicart_async.sandbox._api.params import identifies, may, needs
from multicart_async.sandbox._api.route import MODES, OUTPUTS, PRIORITIES, SCHEDULES, WINDOW, Route

ACCOUNT_ROUTES = (
    Route("/users/login", account.login, (needs("email", "email"), needs("password", "string")), public=True),
    Route("/users/profile", account.profile),
    Route(
        "/users/profile/update",
        account.update,
        (
            may("name", "string"),
            may("email", "email"),
            may("timezone", "string"),
            may("notification_emails", "boolean"),
        ),
        cut=True,
    ),
    Route("/users/account-details", account.details),
    Route("/users/credits/", account.credits_now),
    Route("/users/register/otp/sent", registration.send_code, (needs("email", "email"),), public=True),
    Route(
        "/users/register",
        registration.register,
        (
            needs("name", "string"),
            needs("email", "email"),
            needs("password", "string"),
            needs("otp", "integer"),
            needs("country", "string"),
            may("business_name", "string"),
            may("address_1", "string"),
        ),
        public=True,
        cut=True,
    ),
    Route("/zipcodes/create-zipcode/", zipcodes.create, (needs("domain", "integer"), needs("zipcode", "string"))),
    Route(
        "/zipcodes/get-zipcodes/",
        zipcodes.list_all,
        (
            may("status", "string", choices=("active", "pending", "in-progress", "inactive", "failed")),
            may("domain", "integer"),
        ),
    ),
    Route("/settings/domains/", settings.domains, public=True),
    Route("/settings/officeworks/stores/", settings.stores, public=True),
    Route("/plans/get_plans/", billing.plans),
    Route("/plans/public/", billing.plans, method="GET", public=True),
    Route(
        "/users/payments/{invoice_id}/invoice.pdf",
        billing.invoice,
        (needs("invoice_id", "string"),),  # integer or string: not stated
        method="GET",
    ),
)


COLLECTION_ROUTES = (
    Route(
        "/schedules/add_schedule/",
        collections.create,
        (
            needs("name", "string"),
            needs("request_type", "string", choices=("amazon", "officeworks.com.au")),
            needs("schedule", "string", choices=SCHEDULES),
            needs("priority", "string", choices=PRIORITIES),
            needs("notification_email", "string"),
            may("fetch_mode", "string", choices=MODES),
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
            may("schedule", "string", choices=SCHEDULES),
            may("priority", "string", choices=PRIORITIES),
            may("notification_email", "string"),
            may("fetch_mode", "string", choices=MODES),
            may("schedule_time", "object"),
        ),
    ),
    Route("/schedules/delete_schedule/", collections.delete, (identifies("schedule_id"),)),
    Route("/schedules/delete_multiple/", collections.delete_multiple, (needs("schedule_ids", "integers"),)),
    Route("/schedules/run/result/", runs.start, (needs("collection_id", "integer"),)),
    Route(
        "/schedules/collections/results/download/",
        runs.results,
        (needs("collection_id", "integer"), *WINDOW),
    ),
    Route(
        "/results/{collection_id}/{runner_id}/{file_name}",
        runs.download,
        (needs("collection_id", "integer"), needs("runner_id", "integer"), needs("file_name", "string")),
        method="GET",
    ),
)


ITEM_ROUTES = (
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
            may("output", "string", choices=OUTPUTS),
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
        (needs("collection_id", "integer"), *WINDOW, may("with_count", "any")),
    ),
    Route("/schedules/amazon/asin/get/", asins.get, (identifies("id"), may("collection", "integer"))),
    Route(
        "/schedules/amazon/asin/update/",
        asins.update,
        (
            needs("asin_id", "integer"),
            may("asin", "string"),
            may("include_raw_html", "boolean"),
            may("output", "string", choices=OUTPUTS),
            may("custom_id", "string"),
        ),
    ),
    Route("/schedules/amazon/asin/delete/", asins.delete, (needs("asin_id", "integer"),)),
    Route(
        "/schedules/amazon/asin/output/list/",
        outputs.list_page,
        (needs("collection_id", "integer"), *WINDOW),
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
            may("priority", "string", choices=PRIORITIES),
        ),
    ),
    Route("/schedules/amazon/category/result/", categories.result, (needs("collection_id", "integer"),)),
    Route("/schedules/amazon/category/cancel/", categories.cancel, (needs("collection_id", "integer"),)),
    Route(
        "/schedules/officeworks/sku/create/",
        skus.create,
        (
            needs("collection", "integer"),
            needs("sku", "string"),
            needs("store_id", "string"),
            needs("customer_postcode", "string or integer"),
        ),
    ),
    Route(
        "/schedules/officeworks/sku/create/multiple/",
        skus.create_multiple,
        (
            needs("collection", "integer"),
            needs("skus", "string"),
            needs("store_id", "string"),
            needs("customer_postcode", "string"),
        ),
        cut=True,
    ),
    Route(
        "/schedules/officeworks/sku/create/bulk/",
        skus.create_bulk,
        # Not documented: the sandbox takes the form of the Amazon twin.
        (needs("collection_id", "integer"), needs("csv", "file")),
        form=True,
        cut=True,
    ),
    Route(
        "/schedules/officeworks/categories/",
        catalogue.categories,
        (may("flat", "boolean"), may("seo_path", "string")),
    ),
    Route(
        "/schedules/officeworks/categories/products/",
        catalogue.products,
        (needs("seo_path", "string"),),
        cut=True,
    ),
)

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
